//! What the user means by the destination: an address, a namespace, or a URL whose host is one of them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    str::FromStr as _,
};

use ipnet::IpNet;
use netmon_kernel::{
    netlink::{Netlink, link::LOOPBACK},
    netns::{NetNs, names},
};
use netmon_model::names::NsName;

use super::{Ask, TraceError};

/// Any port: a connected UDP socket sends nothing.
const DISCARD: u16 = 9;

/// The destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its address.
    pub(super) address: IpAddr,
    /// How it is asked.
    pub(super) ask: Ask,
}

/// A URL, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts<'a> {
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl Target {
    /// Finds the destination `to` of a sender. `ask` is what the user chose, if anything; a URL chooses HTTP.
    pub(super) fn find(from: (&NsName, &NetNs), to: &str, ask: Ask) -> Result<Self, TraceError> {
        let (host, ask) = match to.contains("://") {
            true => {
                let Parts { host, port, path } = parts(to)?;
                (host, Ask::Http { port, path: path.to_owned() })
            }
            false => (to, ask),
        };
        Ok(Self { address: address(from, host)?, ask })
    }
}

fn address(from: (&NsName, &NetNs), host: &str) -> Result<IpAddr, TraceError> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let name = NsName::from_str(host).ok().filter(exists);
    let Some(name) = name else {
        return Err(TraceError::NoTarget { wanted: host.to_owned(), there: known()? });
    };
    let (own, theirs) = (addresses(from.1)?, addresses(&NetNs::open(&name)?)?);
    let reachable = |address: &IpAddr| source(from.1, *address).is_some();
    let found = in_order(&own, &theirs).into_iter().find(reachable);
    found.ok_or_else(|| TraceError::NoRoute { from: from.0.clone(), to: name })
}

fn exists(name: &NsName) -> bool {
    name.is_root() || names::path_of(name).exists()
}

/// Returns every namespace that can be named.
pub(super) fn known() -> Result<Vec<NsName>, TraceError> {
    Ok([NsName::root()].into_iter().chain(names::list()?).collect())
}

/// Returns the addresses of a namespace that others can reach.
fn addresses(namespace: &NetNs) -> Result<Vec<IpNet>, TraceError> {
    let all = Netlink::open_in(namespace)?.addresses()?;
    Ok(all.into_iter().filter(|one| one.index != LOOPBACK).map(|one| one.net).collect())
}

/// Orders addresses by how likely the sender reaches them: those in a network of its own first, then IPv4.
fn in_order(own: &[IpNet], theirs: &[IpNet]) -> Vec<IpAddr> {
    let usable = |address: &IpAddr| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let mut addresses: Vec<IpAddr> = theirs.iter().map(IpNet::addr).filter(usable).collect();
    let is_near = |address: &IpAddr| own.iter().any(|net| net.contains(address));
    addresses.sort_by_key(|address| (!is_near(address), address.is_ipv6()));
    addresses
}

/// Returns the source address that the kernel chooses for a destination. `None` without a route.
pub(super) fn source(namespace: &NetNs, to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let look_up = || {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(to, DISCARD)).ok()?;
        socket.local_addr().ok()
    };
    namespace.run(look_up).ok().flatten().map(|address| address.ip())
}

/// Splits a URL of plain HTTP. Its host may be the name of a namespace.
fn parts(url: &str) -> Result<Parts<'_>, TraceError> {
    let wrong = |problem| TraceError::Url { url: url.to_owned(), problem };
    let rest = url.strip_prefix("http://").ok_or_else(|| wrong("only http:// can be traced"))?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map_or(Ok(80), str::parse).map_err(|_| wrong("the port is no number"))?;
    if host.is_empty() { Err(wrong("it has no host")) } else { Ok(Parts { host, port, path }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_a_port_and_a_path() {
        let split = |url: &'static str| parts(url).map(|parts| (parts.host, parts.port, parts.path)).ok();
        assert_eq!(split("http://10.0.0.2"), Some(("10.0.0.2", 80, "/")));
        assert_eq!(split("http://web:8080/a?b"), Some(("web", 8080, "/a?b")));
        assert_eq!(split("http://[fd00::2]:81/"), Some(("fd00::2", 81, "/")));
        assert_eq!(split("http://[fd00::2]/"), Some(("fd00::2", 80, "/")));
        assert_eq!(split("https://web/"), None);
        assert_eq!(split("http://web:x/"), None);
        assert_eq!(split("http://:80/"), None);
    }

    #[test]
    fn a_near_address_comes_first_and_link_local_ones_never() {
        let nets = |all: &[&str]| all.iter().map(|net| net.parse().unwrap()).collect::<Vec<IpNet>>();
        let own = nets(&["10.2.0.2/24", "fd00:2::2/64"]);
        let theirs = nets(&["fe80::1/64", "fd00:2::1/64", "10.1.0.1/24", "10.2.0.1/24"]);
        let expected: Vec<IpAddr> =
            ["10.2.0.1", "fd00:2::1", "10.1.0.1"].iter().map(|ip| ip.parse().unwrap()).collect();
        assert_eq!(in_order(&own, &theirs), expected);
    }
}
