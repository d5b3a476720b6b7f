//! Packets followed from router to router by the routes of a lab, as the kernel would send them.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::{IpNet, Ipv4Net};
use netmon_model::lab::Lab;

use super::{labs, parsed, wish};
use crate::generate::{Kind, lab_file};

/// What one namespace knows.
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

    /// The link to `to` and who is at its other end, by the longest prefix that fits.
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

    /// The links that a packet crosses, and whoever has the address at the end.
    fn way(&self, from: &str, to: Ipv4Addr) -> Vec<usize> {
        let mut way = Vec::new();
        let mut at = from;
        while self.holder[&to] != at {
            assert!(at == from || self.hosts[at].forwards, "{at} does not forward");
            let (link, next) = self.next(at, to).unwrap_or_else(|| panic!("{at} has no way to {to}"));
            way.push(link);
            at = next;
            assert!(way.len() < 256, "no way from {from} to {to}: {way:?}");
        }
        way
    }

    /// The source address that the kernel takes: that of the interface which the packet leaves by.
    fn source(&self, from: &str, way: &[usize]) -> Option<Ipv4Addr> {
        let first = way.first()?;
        self.hosts[from].addresses.iter().find(|(_, link)| link == first).map(|(net, _)| net.addr())
    }
}

/// Pings every address from each of `from`: the answers come back the way that the requests went.
fn assert_all_reached(lab: &Lab, from: impl Fn(usize) -> bool) -> usize {
    let network = Network::of(lab);
    let mut longest = 0;
    for (_, namespace) in lab.namespaces.iter().enumerate().filter(|(index, _)| from(*index)) {
        let name = namespace.name.as_str();
        for (to, holder) in &network.holder {
            let way = network.way(name, *to);
            longest = longest.max(way.len());
            if let Some(source) = network.source(name, &way) {
                let mut back = network.way(holder, source);
                back.reverse();
                assert_eq!(back, way, "{name} to {to}");
            }
        }
    }
    longest
}

#[test]
fn in_a_chain_and_in_a_ring_everybody_reaches_every_address_and_back_by_the_same_way() {
    for kind in [Kind::Chain, Kind::Ring] {
        for (size, lab) in labs(kind) {
            // All pairs of many are millions of hops.
            let step = (size / 8).max(1);
            let longest = assert_all_reached(&lab, |index| index % step == 0 || index + 1 == size);
            let expected = if kind == Kind::Chain { size - 1 } else { size / 2 };
            assert_eq!(longest, if size == 1 { 0 } else { expected }, "{kind:?} {size}");
        }
    }
}

#[test]
fn in_a_ring_of_any_size_the_way_is_the_shorter_one() {
    for size in 2..=20 {
        let lab = parsed(&lab_file(&wish(Kind::Ring, size)).unwrap());
        assert_eq!(assert_all_reached(&lab, |_| true), size / 2, "{size}");
    }
}

#[test]
fn in_the_largest_chain_and_ring_no_packet_dies_on_the_way() {
    for (kind, size) in [(Kind::Chain, 256), (Kind::Ring, 511)] {
        let lab = parsed(&lab_file(&wish(kind, size)).unwrap());
        // A packet begins with 255, and each router on the way needs it to be two at least.
        assert_eq!(assert_all_reached(&lab, |index| index == 0), 255);
        let ttl = |lab: &Lab| lab.namespaces[0].sysctls.get("net.ipv4.ip_default_ttl").cloned();
        assert_eq!(ttl(&lab).as_deref(), Some("255"));
        assert!(lab.namespaces.iter().all(|namespace| namespace.routes.len() < 40));
    }
}

#[test]
fn in_a_mesh_everybody_is_a_neighbour() {
    for (size, lab) in labs(Kind::Mesh).filter(|(size, _)| *size <= 5) {
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
                assert!(network.way(namespace.name.as_str(), v4(*address).addr()).len() <= 1);
            }
        }
    }
}
