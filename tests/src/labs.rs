//! Labs for tests, built from values.

use std::{collections::BTreeMap, net::IpAddr};

use netmon_model::{
    impairment::Impairment,
    lab::{End, Lab, Link, Namespace, Route, Source},
    names::{LinkName, NsName},
};

/// Parses a constant of a test.
///
/// # Panics
///
/// If it is not valid.
pub fn valid<T>(text: &str) -> T
where
    T: std::str::FromStr<Err: std::fmt::Debug>,
{
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e:?}"))
}

/// An empty lab.
#[must_use]
pub fn empty(name: &str) -> Lab {
    Lab {
        name: valid(name),
        source: Source::BuiltIn,
        directory: None,
        namespaces: Vec::new(),
        containers: Vec::new(),
        bridges: Vec::new(),
        foreign_bridges: Vec::new(),
        links: Vec::new(),
        services: Vec::new(),
        expectations: Vec::new(),
        probes: Vec::new(),
    }
}

/// A namespace without anything in it.
#[must_use]
pub fn namespace(name: &str) -> Namespace {
    Namespace { name: valid(name), nameservers: None, routes: Vec::new(), sysctls: BTreeMap::new() }
}

/// An end of a link.
#[must_use]
pub fn end(namespace: &str, interface: &str, addresses: &[&str]) -> End {
    End {
        namespace: valid(namespace),
        interface: valid(interface),
        bridge: None,
        mac: None,
        impairment: Impairment::default(),
        addresses: addresses.iter().map(|address| valid(address)).collect(),
    }
}

/// A link with its default name.
#[must_use]
pub fn link(a: End, b: End) -> Link {
    let name = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
    Link { name, a, b, mtu: None }
}

/// A route.
#[must_use]
pub fn route(to: &str, via: &str) -> Route {
    Route { to: valid(to), via: valid(via) }
}

/// The lab `direct`, with a resolver file and both address families.
#[must_use]
pub fn direct() -> Lab {
    let mut inside = namespace("direct_netns");
    inside.nameservers = Some(vec![valid::<IpAddr>("10.200.0.2")]);
    inside.routes = vec![route("0.0.0.0/0", "10.200.0.2"), route("::/0", "fd00:200::2")];
    inside.sysctls = [
        ("net.ipv4.ip_forward".to_owned(), "1".to_owned()),
        ("net.ipv4.conf.veth1.rp_filter".to_owned(), "0".to_owned()),
    ]
    .into();
    let mut lab = empty("direct");
    lab.namespaces.push(inside);
    lab.links.push(link(
        end("root", "veth0", &["10.200.0.2/24", "fd00:200::2/64"]),
        end("direct_netns", "veth1", &["10.200.0.3/24", "fd00:200::3/64"]),
    ));
    lab
}

/// `n` namespaces with one link each to root, as in the benchmark.
#[must_use]
pub fn star(n: usize) -> Lab {
    let mut lab = empty("star");
    for i in 0..n {
        let (high, low, name) = (i / 64, i % 64 * 4, format!("star{i}"));
        lab.namespaces.push(namespace(&name));
        let root =
            end(NsName::root().as_str(), &format!("st{i}"), &[&format!("10.100.{high}.{}/30", low + 1)]);
        lab.links.push(link(root, end(&name, "eth0", &[&format!("10.100.{high}.{}/30", low + 2)])));
    }
    lab
}
