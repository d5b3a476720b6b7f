//! The programs that the privileged tests put against netmon: real senders, servers and observers.
//!
//! A test that needs another program adds it here, with what it is for. Without them a test could only
//! compare netmon with itself.

use super::plan::Plan;
use crate::process;

/// A program that tests use.
pub(crate) struct Peer {
    /// Its name on `PATH`.
    pub(crate) program: &'static str,
    /// Debian's package.
    pub(crate) package: &'static str,
    /// What the tests do with it.
    pub(crate) purpose: &'static str,
    /// A service that the package would start.
    service: Option<&'static str>,
}

/// All of them.
pub(crate) const PEERS: [Peer; 11] = [
    peer("ip", "iproute2", "shows namespaces and the kernel's own counters"),
    peer("ping", "iputils-ping", "sends ICMP and measures the round trip by itself"),
    peer("curl", "curl", "requests over HTTP and measures the response by itself"),
    peer("tcpdump", "tcpdump", "captures, to see packets and their times as others see them"),
    peer("iperf3", "iperf3", "sends at full rate, with every offload"),
    peer("bpftool", "bpftool", "shows programs, maps and links as the kernel has them"),
    peer("ethtool", "ethtool", "turns offloads on and off"),
    peer("script", "bsdutils", "gives netmon a terminal of its own"),
    peer("nft", "nftables", "drops packets in the kernel, and counts them").with_service("nftables.service"),
    peer("nginx", "nginx", "a real web server").with_service("nginx.service"),
    peer("promtool", "prometheus", "a real Prometheus to scrape, and its checker")
        .with_service("prometheus.service"),
];

const fn peer(program: &'static str, package: &'static str, purpose: &'static str) -> Peer {
    Peer { program, package, purpose, service: None }
}

impl Peer {
    const fn with_service(self, service: &'static str) -> Self {
        Self { service: Some(service), ..self }
    }
}

/// Plans those that are missing.
pub(crate) fn plan(plan: &mut Plan) {
    for peer in PEERS.iter().filter(|peer| process::find(peer.program).is_none()) {
        plan.package(peer.package, format!("{}: {}", peer.program, peer.purpose));
        if let Some(service) = peer.service {
            plan.keep_stopped(service);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_says_what_it_is_for_once() {
        for (index, peer) in PEERS.iter().enumerate() {
            assert!(!peer.purpose.is_empty(), "{}", peer.program);
            assert!(PEERS.iter().skip(index + 1).all(|other| other.program != peer.program));
        }
    }
}
