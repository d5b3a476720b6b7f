//! A veth pair with both ends in the sandbox, as endpoints that the datapath can watch.
//!
//! It has no addresses and no IPv6: only what the test sends passes it.

use std::{collections::HashMap, fmt::Write as _, fs, sync::Arc};

use netmon::topology::Endpoint;
use netmon_kernel::netns::NetNs;
use netmon_model::names::{IfIndex, LinkName, NsName, Side};

use crate::{
    interface::{await_carrier, ifindex},
    labs::valid,
    sandbox::run,
};

/// Creates the pair, which is down. Must be called in a sandbox.
///
/// # Panics
///
/// If it cannot be created.
#[must_use]
pub fn pair() -> [Endpoint; 2] {
    run("ip", &["link", "add", "one", "mtu", "9000", "type", "veth", "peer", "name", "two", "mtu", "9000"]);
    for end in ["one", "two"] {
        run("sysctl", &["-q", "-w", &format!("net.ipv6.conf.{end}.disable_ipv6=1")]);
    }
    [endpoint("one", "two", Side::A), endpoint("two", "one", Side::B)]
}

/// Sets both ends up, and waits until the kernel has processed that.
pub fn set_up() {
    for end in ["one", "two"] {
        run("ip", &["link", "set", end, "up"]);
    }
    for end in ["one", "two"] {
        await_carrier("root", end);
    }
    // The worker holds the rtnetlink lock while it runs: when this change returns, the worker has finished.
    run("ip", &["link", "set", "two", "up"]);
}

/// Creates many pairs, which are down. Returns both ends of each, pair by pair. Must be called in a sandbox.
///
/// # Panics
///
/// If they cannot be created.
#[must_use]
pub fn pairs(count: usize) -> Vec<Endpoint> {
    const BATCH: &str = "/run/sandbox/pairs";
    run("sysctl", &["-q", "-w", "net.ipv6.conf.default.disable_ipv6=1"]);
    let names: Vec<[String; 2]> =
        (0..count).map(|pair| [format!("left{pair}"), format!("right{pair}")]).collect();
    let mut batch = String::new();
    for [left, right] in &names {
        writeln!(batch, "link add {left} type veth peer name {right}").expect("writing to a string");
    }
    fs::write(BATCH, batch).expect("a file of commands");
    run("ip", &["-batch", BATCH]);
    let said = run("ip", &["-j", "link", "show", "type", "veth"]);
    let links: serde_json::Value = serde_json::from_str(&said).expect("ip prints JSON");
    let links = links.as_array().expect("a list of links");
    let number = |link: &serde_json::Value| {
        Some((link["ifname"].as_str()?.to_owned(), IfIndex(link["ifindex"].as_u64()?.try_into().ok()?)))
    };
    let numbers: HashMap<String, IfIndex> = links.iter().filter_map(number).collect();
    let netns = Arc::new(NetNs::current().expect("our own namespace"));
    let end = |[left, right]: &[String; 2], side| {
        let (here, there) = if side == Side::A { (left, right) } else { (right, left) };
        Endpoint {
            link: LinkName::default_for((&NsName::root(), &valid(left)), (&NsName::root(), &valid(right))),
            side,
            namespace: NsName::root(),
            interface: valid(here),
            ifindex: numbers[here],
            peer_ifindex: numbers[there],
            netns: Arc::clone(&netns),
            cookie: netns.cookie().expect("its cookie"),
            addresses: Vec::new(),
            in_container: false,
        }
    };
    names.iter().flat_map(|pair| [end(pair, Side::A), end(pair, Side::B)]).collect()
}

fn endpoint(interface: &str, peer: &str, side: Side) -> Endpoint {
    let netns = NetNs::current().expect("our own namespace");
    let cookie = netns.cookie().expect("its cookie");
    let (one, two) = (valid("one"), valid("two"));
    Endpoint {
        link: LinkName::default_for((&NsName::root(), &one), (&NsName::root(), &two)),
        side,
        namespace: NsName::root(),
        interface: valid(interface),
        ifindex: IfIndex(ifindex("root", interface)),
        peer_ifindex: IfIndex(ifindex("root", peer)),
        netns: Arc::new(netns),
        cookie,
        addresses: Vec::new(),
        in_container: false,
    }
}
