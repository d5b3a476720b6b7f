//! Follows packets from router to router by the routes of a lab, as the kernel would send them.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::{IpNet, Ipv4Net};
use netmon_model::lab::Lab;

use super::{labs, options, parsed};
use crate::generate::{LabKind, lab_file};

/// The addresses and routes of one namespace.
#[derive(Default)]
struct Host {
    /// Its addresses, with the number of the link that each is on.
    addresses: Vec<(Ipv4Net, usize)>,
    routes: Vec<(Ipv4Net, Ipv4Addr)>,
    forwards: bool,
}

struct Network {
    hosts: HashMap<String, Host>,
    holder: HashMap<Ipv4Addr, String>,
}

fn v4(net: IpNet) -> Ipv4Net {
    let IpNet::V4(net) = net else { panic!("{net}") };
    net
}

impl Network {
    fn of(lab: &Lab) -> Self {
        let mut network = Self { hosts: HashMap::new(), holder: HashMap::new() };
        for namespace in &lab.namespaces {
            let host = network.hosts.entry(namespace.name.to_string()).or_default();
            host.forwards = namespace.sysctls.get("net.ipv4.ip_forward").is_some_and(|value| value == "1");
            host.routes = namespace
                .routes
                .iter()
                .map(|route| match route.via {
                    IpAddr::V4(via) => (v4(route.to), via),
                    IpAddr::V6(via) => panic!("{via}"),
                })
                .collect();
        }
        for (number, link) in lab.links.iter().enumerate() {
            for end in [&link.a, &link.b] {
                let host = network.hosts.entry(end.namespace.to_string()).or_default();
                for address in &end.addresses {
                    host.addresses.push((v4(*address), number));
                    network.holder.insert(v4(*address).addr(), end.namespace.to_string());
                }
            }
        }
        network
    }

    /// The link towards `to` and the namespace at its other end, by the longest matching prefix.
    fn next(&self, at: &str, to: Ipv4Addr) -> Option<(usize, &str)> {
        let host = &self.hosts[at];
        let connected = |address: Ipv4Addr| {
            host.addresses.iter().find(|(net, _)| net.contains(&address)).map(|(_, link)| *link)
        };
        if let Some(link) = connected(to) {
            return Some((link, self.holder.get(&to)?));
        }
        let fitting = host.routes.iter().filter(|(net, _)| net.contains(&to));
        let (_, via) = fitting.max_by_key(|(net, _)| net.prefix_len())?;
        Some((connected(*via)?, self.holder.get(via)?))
    }

    /// The links that a packet crosses.
    fn path(&self, from: &str, to: Ipv4Addr) -> Vec<usize> {
        let mut path = Vec::new();
        let mut at = from;
        while self.holder[&to] != at {
            assert!(at == from || self.hosts[at].forwards, "{at} does not forward");
            let (link, next) = self.next(at, to).unwrap_or_else(|| panic!("{at} has no route to {to}"));
            path.push(link);
            at = next;
            assert!(path.len() < 256, "no path from {from} to {to}: {path:?}");
        }
        path
    }

    /// The source address that the kernel chooses: that of the interface through which the packet leaves.
    fn source(&self, from: &str, path: &[usize]) -> Option<Ipv4Addr> {
        let first = path.first()?;
        self.hosts[from].addresses.iter().find(|(_, link)| link == first).map(|(net, _)| net.addr())
    }
}

/// Pings every address from the namespaces of `from`, and asserts that answers take the path of the requests. Returns
/// the length of the longest path.
fn assert_all_reached(lab: &Lab, from: impl Fn(usize) -> bool) -> usize {
    let network = Network::of(lab);
    let mut longest = 0;
    for (_, namespace) in lab.namespaces.iter().enumerate().filter(|(index, _)| from(*index)) {
        let name = namespace.name.as_str();
        for (to, holder) in &network.holder {
            let path = network.path(name, *to);
            longest = longest.max(path.len());
            if let Some(source) = network.source(name, &path) {
                let mut back = network.path(holder, source);
                back.reverse();
                assert_eq!(back, path, "{name} to {to}");
            }
        }
    }
    longest
}

#[test]
fn in_a_chain_and_a_ring_answers_take_the_path_of_the_requests() {
    for kind in [LabKind::Chain, LabKind::Ring] {
        for (size, lab) in labs(kind) {
            // All pairs of a large lab would be millions of hops.
            let step = (size / 8).max(1);
            let longest = assert_all_reached(&lab, |index| index % step == 0 || index + 1 == size);
            let expected = if kind == LabKind::Chain { size - 1 } else { size / 2 };
            assert_eq!(longest, if size == 1 { 0 } else { expected }, "{kind:?} {size}");
        }
    }
}

#[test]
fn in_a_ring_packets_take_the_shorter_path() {
    for size in 2..=20 {
        let lab = parsed(&lab_file(&options(LabKind::Ring, size)).unwrap());
        assert_eq!(assert_all_reached(&lab, |_| true), size / 2, "{size}");
    }
}

#[test]
fn in_the_largest_chain_and_ring_no_packet_expires() {
    for (kind, size) in [(LabKind::Chain, 256), (LabKind::Ring, 511)] {
        let lab = parsed(&lab_file(&options(kind, size)).unwrap());
        // The time to live begins at 255, and a router forwards a packet only if it is at least two.
        assert_eq!(assert_all_reached(&lab, |index| index == 0), 255);
        let ttl = |lab: &Lab| lab.namespaces[0].sysctls.get("net.ipv4.ip_default_ttl").cloned();
        assert_eq!(ttl(&lab).as_deref(), Some("255"));
        assert!(lab.namespaces.iter().all(|namespace| namespace.routes.len() < 40));
    }
}

#[test]
fn in_a_mesh_all_namespaces_are_neighbours() {
    for (size, lab) in labs(LabKind::Mesh).filter(|(size, _)| *size <= 5) {
        let network = Network::of(&lab);
        for namespace in &lab.namespaces {
            let own: Vec<_> = lab
                .links
                .iter()
                .filter(|link| [&link.a, &link.b].iter().any(|end| end.namespace == namespace.name))
                .collect();
            assert_eq!(own.len(), size - 1);
            let reached = own.iter().flat_map(|link| [&link.a, &link.b]).flat_map(|end| &end.addresses);
            for address in reached {
                assert!(network.path(namespace.name.as_str(), v4(*address).addr()).len() <= 1);
            }
        }
    }
}
