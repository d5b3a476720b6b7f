//! Commands that make traffic in a lab, derived from its addresses and servers.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
};

use netmon_model::{
    lab::{End, Lab, Service, ServiceKind},
    names::{NsName, Side},
    server_address::{Security, ServerAddress},
    shell::shell_word,
};

/// Suggestions of each kind. More would only be noise.
const MAX: usize = 3;

/// Returns commands that make traffic, to be typed in the namespace that netmon was started in.
pub(super) fn suggestions(lab: &Lab, program: &str) -> Vec<String> {
    let from_root = neighbours(lab, &NsName::root());
    if !from_root.is_empty() {
        let mut commands = pings(&from_root, "");
        commands.extend(curls(lab, &from_root));
        return commands;
    }
    // If root reaches no address, start in the first namespace that does.
    let inside = |end: &End| {
        let within = format!("{} exec {} -- ", shell_word(program), shell_word(end.namespace.as_str()));
        Some(pings(&neighbours(lab, &end.namespace), &within)).filter(|pings| !pings.is_empty())
    };
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]).take(MAX * MAX);
    ends.into_iter().find_map(inside).unwrap_or_default()
}

/// Returns what to know of an address that netmon listens on: who reaches it, or how a socket is used.
pub(super) fn listening(address: &ServerAddress, security: Security) -> String {
    let lacking = security.lacking().map(|lacking| format!(", {lacking}")).unwrap_or_default();
    match address {
        ServerAddress::Unix(path) => {
            let path = shell_word(&path.display().to_string());
            format!("curl --unix-socket {path} http://localhost/metrics")
        }
        local if local.is_local() => format!("{}metrics", security.url(local)),
        ServerAddress::Tcp(tcp) if tcp.ip().is_unspecified() => {
            format!("{tcp}, on every address of this host{lacking}")
        }
        ServerAddress::Tcp(tcp) => format!("{tcp}{lacking}"),
    }
}

/// An address at the far end of a link, and the namespace that has it.
type Neighbour<'l> = (&'l NsName, IpAddr);

/// Returns the addresses that `from` reaches without a router, in the order of the links.
fn neighbours<'l>(lab: &'l Lab, from: &NsName) -> Vec<Neighbour<'l>> {
    let mut neighbours = Vec::new();
    for link in &lab.links {
        for side in [Side::A, Side::B] {
            let (near, far) = (link.end(side), link.end(side.peer()));
            if near.namespace == *from && far.namespace != *from {
                let is_on_link = |address: &IpAddr| near.addresses.iter().any(|net| net.contains(address));
                let addresses = far.addresses.iter().map(ipnet::IpNet::addr).filter(is_on_link);
                // A link-local address needs its interface too, which curl only takes as a number.
                let plain =
                    addresses.filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()));
                neighbours.extend(plain.map(|address| (&far.namespace, address)));
            }
        }
    }
    neighbours
}

/// Returns a ping for each of the first neighbours, one address per namespace.
fn pings(neighbours: &[Neighbour<'_>], prefix: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let first = neighbours.iter().filter(|(namespace, _)| seen.insert(*namespace));
    first.map(|(_, address)| format!("{prefix}ping {address}")).take(MAX).collect()
}

/// Returns a curl for each of the first servers that are reachable.
fn curls(lab: &Lab, neighbours: &[Neighbour<'_>]) -> Vec<String> {
    let exact: HashSet<_> = neighbours.iter().collect();
    let mut addresses: HashMap<&NsName, Vec<IpAddr>> = HashMap::new();
    for (namespace, address) in neighbours {
        addresses.entry(namespace).or_default().push(*address);
    }
    let reached = |service: &Service| {
        let ServiceKind::Http(listen) = &service.kind else {
            return None;
        };
        if exact.contains(&(&service.namespace, listen.ip())) {
            return Some(*listen);
        }
        let is_served = |ip: &&IpAddr| listen.ip().is_unspecified() && (ip.is_ipv4() || listen.is_ipv6());
        let held = addresses.get(&service.namespace)?;
        Some(SocketAddr::new(*held.iter().find(is_served)?, listen.port()))
    };
    lab.services.iter().filter_map(reached).map(|server| format!("curl {}", url(server))).take(MAX).collect()
}

fn url(server: SocketAddr) -> String {
    let host = match server.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let port = if server.port() == 80 { String::new() } else { format!(":{}", server.port()) };
    let url = format!("http://{host}{port}/");
    // Some shells treat brackets as a pattern.
    if server.is_ipv6() { format!("'{url}'") } else { url }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(text: &str) -> Vec<String> {
        suggestions(&netmon_labfile::parse(text, "f", "f").unwrap(), "netmon")
    }

    const PAIR: &str = r#"
        [[namespace]]
        name = "web"
        [[link]]
        a = { namespace = "web", interface = "v", addresses = ["10.0.0.2/24", "fd00::2/64", "10.9.0.1/24"] }
        b = { namespace = "root", interface = "v", addresses = ["10.0.0.1/24", "fd00::1/64"] }
    "#;

    #[test]
    fn a_server_on_all_addresses_is_suggested_at_one_that_root_reaches() {
        let text = format!("{PAIR}[[service]]\nnamespace = \"web\"\nhttp = \"0.0.0.0:8080\"");
        assert_eq!(suggested(&text), ["ping 10.0.0.2", "curl http://10.0.0.2:8080/"]);
    }

    #[test]
    fn an_ipv6_server_is_quoted_for_the_shell() {
        let text = format!("{PAIR}[[service]]\nnamespace = \"web\"\nhttp = \"[fd00::2]:80\"");
        assert_eq!(suggested(&text), ["ping 10.0.0.2", "curl 'http://[fd00::2]/'"]);
    }

    #[test]
    fn a_server_that_root_does_not_reach_is_not_suggested() {
        let text = format!("{PAIR}[[service]]\nnamespace = \"web\"\nhttp = \"10.9.0.1:80\"");
        assert_eq!(suggested(&text), ["ping 10.0.0.2"]);
    }

    #[test]
    fn without_a_link_to_root_the_ping_starts_inside() {
        let text = r#"
            [[namespace]]
            name = "a'b"
            [[namespace]]
            name = "c"
            [[link]]
            a = { namespace = "a'b", interface = "v", addresses = ["10.0.0.1/24"] }
            b = { namespace = "c", interface = "v", addresses = ["10.0.0.2/24"] }
        "#;
        assert_eq!(suggested(text), [r"netmon exec 'a'\''b' -- ping 10.0.0.2"]);
        assert!(suggested("").is_empty());
    }
}
