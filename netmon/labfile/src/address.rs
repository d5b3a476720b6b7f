//! Addresses in a lab file: `10.200.0.3/24`, `10.200.0.3`, `10.200.0.3:80`.
//!
//! Refuses, with the reason, the addresses that the kernel would refuse, and those that it accepts but that no host can
//! reach.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use netmon_model::text::quoted;

use super::{report::Report, section::Text};

/// What is wrong with an address, and how to correct it.
type Problem = (String, String);

/// Reads an interface's address with its prefix length.
pub(super) fn interface_address(written: &Text<'_>, report: &mut Report<'_>) -> Option<IpNet> {
    reported(written, report, check_interface_address(written.get_ref()))
}

/// Reads a route's destination: a network, with no host bits set.
pub(super) fn network(written: &Text<'_>, report: &mut Report<'_>) -> Option<IpNet> {
    reported(written, report, check_network(written.get_ref()))
}

/// Reads the address of a host, without a prefix length: a next hop or a name server.
pub(super) fn host(written: &Text<'_>, report: &mut Report<'_>) -> Option<IpAddr> {
    reported(written, report, check_host(written.get_ref()))
}

/// Reads an address and port to listen on.
pub(super) fn socket(written: &Text<'_>, report: &mut Report<'_>) -> Option<SocketAddr> {
    reported(written, report, check_socket(written.get_ref()))
}

fn reported<T>(written: &Text<'_>, report: &mut Report<'_>, checked: Result<T, Problem>) -> Option<T> {
    checked.map_err(|(message, help)| report.error(written.span(), message, help)).ok()
}

fn refuse<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Problem> {
    Err((message.into(), help.into()))
}

/// Splits an address and its prefix length. Whether they make sense together is not checked.
fn split(text: &str) -> Result<IpNet, Problem> {
    let Some((address, length)) = text.split_once('/') else {
        return match text.parse::<IpAddr>() {
            Ok(address) => refuse(
                format!("address {address} lacks its prefix length"),
                format!("write \"{address}/{}\"", if address.is_ipv4() { 24 } else { 64 }),
            ),
            Err(_) => refuse(
                format!("{} is not an address with a prefix length", quoted(text)),
                "write \"10.200.0.2/24\" or \"fd00::2/64\"",
            ),
        };
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        let message = format!("{} is not an IP address", quoted(address));
        return refuse(message, "write \"10.200.0.2/24\" or \"fd00::2/64\"");
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let is_plain = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    match length.parse::<u8>().ok().filter(|length| is_plain && *length <= longest) {
        Some(length) => IpNet::new(address, length).map_err(|error| (error.to_string(), String::new())),
        None => refuse(
            format!("{} is not a prefix length", quoted(length)),
            format!(
                "write 0 to {longest} for {}, without a sign",
                if longest == 32 { "IPv4" } else { "IPv6" }
            ),
        ),
    }
}

fn check_interface_address(text: &str) -> Result<IpNet, Problem> {
    let net = split(text)?;
    check_assignable(net.addr())?;
    if net.prefix_len() == 0 {
        let message = format!("{net} would put all addresses on this link");
        return refuse(message, "write the prefix length of the link's network, for example 24");
    }
    let IpNet::V4(v4) = net else {
        return Ok(net);
    };
    // RFC 3021: with 31 bits, both addresses are hosts. With 32, there is only one.
    if v4.prefix_len() < 31 {
        let (network, broadcast) = (v4.network(), v4.broadcast());
        let range = match (v4.hosts().next(), v4.hosts().next_back()) {
            (Some(first), Some(last)) => format!("hosts of {} are {first} to {last}", v4.trunc()),
            _ => String::new(),
        };
        if v4.addr() == network {
            return refuse(format!("{network} is the network's own address in {}", v4.trunc()), range);
        }
        if v4.addr() == broadcast {
            return refuse(format!("{broadcast} is the broadcast address of {}", v4.trunc()), range);
        }
    }
    Ok(net)
}

fn check_network(text: &str) -> Result<IpNet, Problem> {
    let as_host = text.parse::<IpAddr>().ok();
    if let Some(address) = as_host {
        let message = format!("destination {address} lacks its prefix length");
        let length = if address.is_ipv4() { 32 } else { 128 };
        return refuse(message, format!("write \"{address}/{length}\" for this one address"));
    }
    let net = split(text)?;
    if net != net.trunc() {
        return refuse(
            format!("destination {net} has bits set beyond its prefix"),
            format!("write \"{}\"", net.trunc()),
        );
    }
    if net.addr().is_multicast() {
        return refuse(format!("destination {net} is multicast"), "write a unicast network, or \"default\"");
    }
    Ok(net)
}

fn check_host(text: &str) -> Result<IpAddr, Problem> {
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_multicast() || is_limited_broadcast(address) => {
            refuse(format!("{address} is not the address of a single host"), "write a unicast address")
        }
        Ok(address) if address.is_unspecified() => {
            refuse(format!("{address} is not the address of a host"), "write the address of a host")
        }
        Ok(address) => Ok(address),
        Err(_) => {
            let plain = text.split_once('/').filter(|(address, _)| address.parse::<IpAddr>().is_ok());
            let help = match plain {
                Some((address, _)) => format!("write \"{address}\", without a prefix length"),
                None => "write an address such as \"10.200.0.2\" or \"fd00::2\"".to_owned(),
            };
            refuse(format!("{} is not an IP address", quoted(text)), help)
        }
    }
}

fn check_socket(text: &str) -> Result<SocketAddr, Problem> {
    let Ok(socket) = text.parse::<SocketAddr>() else {
        let help = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => format!("write \"{address}:80\""),
            Ok(IpAddr::V6(address)) => format!("write \"[{address}]:80\""),
            Err(_) => "write \"10.200.0.3:80\" or \"[fd00::3]:80\"".to_owned(),
        };
        return refuse(format!("{} is not an address and a port", quoted(text)), help);
    };
    if socket.port() == 0 {
        return refuse("port 0 is not a port to listen on", format!("write \"{}\"", with_port(socket, 80)));
    }
    if socket.ip().is_multicast() || is_limited_broadcast(socket.ip()) {
        let message = format!("{} is not the address of a single host", socket.ip());
        return refuse(message, "write an address that the service's namespace has");
    }
    Ok(socket)
}

fn with_port(mut socket: SocketAddr, port: u16) -> SocketAddr {
    socket.set_port(port);
    socket
}

/// Checks whether an interface other than lo can have `address`.
fn check_assignable(address: IpAddr) -> Result<(), Problem> {
    let kind = if address.is_unspecified() {
        "the unspecified address"
    } else if address.is_multicast() {
        "a multicast address"
    } else if address.is_loopback() {
        "a loopback address, which only lo can have"
    } else if is_limited_broadcast(address) {
        "the broadcast address"
    } else if matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0) {
        "in 0.0.0.0/8, which no host can have (RFC 1122)"
    } else {
        return Ok(());
    };
    refuse(format!("{address} is {kind}"), "write a host's address such as \"10.200.0.2/24\"")
}

fn is_limited_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_hosts_keep_their_host_bits() {
        for fine in ["10.200.0.2/24", "10.0.0.0/31", "10.0.0.1/31", "10.0.0.7/32", "fd00::/64", "fe80::1/64"]
        {
            assert_eq!(check_interface_address(fine).map(|net| net.to_string()), Ok(fine.to_owned()));
        }
    }

    #[test]
    fn a_network_address_is_refused_with_the_range_of_hosts() {
        let (message, help) = check_interface_address("10.200.0.0/24").unwrap_err();
        assert_eq!(message, "10.200.0.0 is the network's own address in 10.200.0.0/24");
        assert_eq!(help, "hosts of 10.200.0.0/24 are 10.200.0.1 to 10.200.0.254");
    }

    #[test]
    fn signs_and_masks_are_no_prefix_lengths() {
        for wrong in ["10.0.0.1/+24", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/255.255.255.0", "fd00::1/129"] {
            let (message, _) = check_interface_address(wrong).unwrap_err();
            assert!(message.contains("is not a prefix length"), "{wrong}: {message}");
        }
    }
}
