//! A veth pair of a sandbox's own, both ends in it, as endpoints that the datapath can watch.
//!
//! No addresses, no IPv6: nothing passes but what the test sends.

use std::{collections::HashMap, fmt::Write as _, fs, sync::Arc, time::Duration};

use netmon::{
    names::{IfIndex, LinkName, NsName, Side},
    netns::NetNs,
    topology::Endpoint,
};

use crate::{eventually::eventually, interface::ifindex, labs::valid, sandbox::run};

/// Makes the pair, which is down. For the inside of a sandbox.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn pair() -> [Endpoint; 2] {
    run("ip", &["link", "add", "one", "mtu", "9000", "type", "veth", "peer", "name", "two", "mtu", "9000"]);
    for end in ["one", "two"] {
        run("sysctl", &["-q", "-w", &format!("net.ipv6.conf.{end}.disable_ipv6=1")]);
    }
    [endpoint("one", "two", Side::A), endpoint("two", "one", Side::B)]
}

/// Sets both ends up, and waits until the kernel has noticed: until then it drops, behind the egress hook and
/// without a word, what is sent (`noop_qdisc`; the carrier is looked at by a worker, later on a busy machine).
pub fn set_up() {
    for end in ["one", "two"] {
        run("ip", &["link", "set", end, "up"]);
    }
    for end in ["one", "two"] {
        eventually("a carrier and its queue", Duration::from_secs(30), || {
            let shown = run("ip", &["-o", "link", "show", end]);
            (shown.contains("state UP") && !shown.contains("qdisc noop ")).then_some(())
        });
    }
    // The worker holds the lock of all links while it is at it: a change that got through came after it.
    run("ip", &["link", "set", "two", "up"]);
}

/// Makes many pairs, which are down: both ends of each, one pair after the other. For the inside of a sandbox.
///
/// # Panics
///
/// When they cannot be made.
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
    }
}
