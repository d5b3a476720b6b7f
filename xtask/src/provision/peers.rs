//! The programs that the privileged tests use as peers of netmon: real senders, servers and observers.
//!
//! Without them a test could only compare netmon with itself. A test that needs another program adds it here, with its
//! purpose.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::plan::Plan;
use crate::process;

/// Where Debian's reader of OpenMetrics is, which is a library of Python.
const PYTHON_READER: &str = "/usr/lib/python3/dist-packages/prometheus_client";

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
pub(crate) const PEERS: [Peer; 16] = [
    peer("ip", "iproute2", "shows namespaces and the kernel's own counters"),
    peer("ping", "iputils-ping", "sends ICMP and measures the round trip independently"),
    peer("curl", "curl", "requests over HTTP and measures the response time independently"),
    peer("openssl", "openssl", "makes certificates, and is a client of TLS"),
    peer("tcpdump", "tcpdump", "captures packets with their times, as any other program sees them"),
    peer("iperf3", "iperf3", "sends at full rate with every offload"),
    peer("bpftool", "bpftool", "lists the kernel's programs, maps and links"),
    peer("ethtool", "ethtool", "turns offloads on and off"),
    peer("tmux", "tmux", "is the terminal of netmon top: types keys, shows the screen"),
    peer("script", "bsdutils", "runs netmon in a terminal"),
    peer("chromium", "chromium", "shows the page"),
    peer("chromedriver", "chromium-driver", "drives Chromium"),
    peer("systemctl", "systemd", "runs netmon as a service, in a virtual machine"),
    peer("nft", "nftables", "drops packets in the kernel and counts them").with_service("nftables.service"),
    peer("nginx", "nginx", "serves HTTP").with_service("nginx.service"),
    peer("promtool", "prometheus", "checks metrics and rules, and comes with Prometheus, which scrapes")
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

/// Plans the packages of the programs that are missing.
pub(crate) fn plan(plan: &mut Plan) {
    for peer in PEERS.iter().filter(|peer| process::find(peer.program).is_none()) {
        plan.package(peer.package, format!("{}: {}", peer.program, peer.purpose));
        if let Some(service) = peer.service {
            plan.keep_stopped(service);
        }
    }
    if !Path::new(PYTHON_READER).exists() {
        plan.package("python3-prometheus-client", "reads OpenMetrics and insists on every rule".to_owned());
    }
    if !has_pip() {
        plan.package("python3-pip", "installs the Grafana SDK, which checks the dashboards".to_owned());
    }
}

/// Returns whether the Python on `PATH` can install packages.
fn has_pip() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import pip"]).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_listed_once_with_its_purpose() {
        for (index, peer) in PEERS.iter().enumerate() {
            assert!(!peer.purpose.is_empty(), "{}", peer.program);
            assert!(PEERS.iter().skip(index + 1).all(|other| other.program != peer.program));
        }
    }
}
