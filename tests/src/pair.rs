//! A veth pair of a sandbox's own, both ends in it, as endpoints that the datapath can watch.
//!
//! No addresses, no IPv6: nothing passes but what the test sends.

use std::{sync::Arc, time::Duration};

use netmon::{
    names::{IfIndex, LinkName, NsName, Side},
    netns::NetNs,
    topology::Endpoint,
};

use crate::{eventually::eventually, labs::valid, sandbox::run};

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

#[expect(clippy::expect_used, reason = "a test without its pair must not run")]
fn endpoint(interface: &str, peer: &str, side: Side) -> Endpoint {
    let netns = NetNs::current().expect("our own namespace");
    let cookie = netns.cookie().expect("its cookie");
    let (one, two) = (valid("one"), valid("two"));
    Endpoint {
        link: LinkName::default_for((&NsName::root(), &one), (&NsName::root(), &two)),
        side,
        namespace: NsName::root(),
        interface: valid(interface),
        ifindex: ifindex(interface),
        peer_ifindex: ifindex(peer),
        netns: Arc::new(netns),
        cookie,
        addresses: Vec::new(),
    }
}

#[expect(clippy::expect_used, reason = "a test without its pair must not run")]
fn ifindex(interface: &str) -> IfIndex {
    // Not from /sys, which shows the namespace that mounted it.
    let shown = run("ip", &["-o", "link", "show", interface]);
    let number = shown.split(':').next().and_then(|number| number.parse().ok());
    IfIndex(number.expect("`ip -o link` begins with the number"))
}
