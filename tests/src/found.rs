//! Links for `netmon run --discover` to find, traffic over them, and what a scrape has of them.

use crate::{agent::scrape, island::Island};

/// A quick ping, without count and target.
pub const PING: &str = "ping -q -i 0.02 -w 20";

/// Adds a namespace with a pair to it: 10.NET.0.1 outside, 10.NET.0.2 inside.
pub fn add(island: &Island, name: &str, outside: &str, net: u8) {
    island.sh(&format!(
        "ip netns add {name}; ip link add {outside} type veth peer name eth0 netns {name}
         ip address add 10.{net}.0.1/24 dev {outside}; ip link set {outside} up
         ip -n {name} address add 10.{net}.0.2/24 dev eth0; ip -n {name} link set eth0 up"
    ));
}

/// Sends echo requests, all of which have to be answered.
pub fn ping(island: &Island, target: &str, count: u32) {
    island.sh(&format!("{PING} -c {count} {target}"));
}

/// ICMP packets that a scrape has for an end of a link: those that came in, and those that went out.
///
/// # Panics
///
/// If it has none.
#[must_use]
pub fn icmp(link: &str, netns: &str, interface: &str) -> [f64; 2] {
    let metrics = scrape();
    ["ingress", "egress"].map(|direction| {
        let labels = [
            ("link", link),
            ("netns", netns),
            ("interface", interface),
            ("direction", direction),
            ("protocol", "icmp"),
        ];
        assert_eq!(metrics.count("netmon_packets_total", &labels), 1, "{labels:?}");
        metrics.sum("netmon_packets_total", &labels)
    })
}
