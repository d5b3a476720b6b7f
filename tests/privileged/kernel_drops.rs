//! Where packets are lost: on the wire, or in the namespace behind it. The part that drops them counts them itself.

use std::{net::UdpSocket, process::Command, time::Duration};

use netmon_tests::{
    agent::{Agent, scrape},
    counts::{DIRECT, at_rest, missing},
    direct::INSIDE,
    eventually::eventually,
    iperf::IperfServer,
    sandbox::{run, run_in, sandbox},
    skip::skip,
    tc::qdisc,
};

const DATAGRAMS: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(20);

fn nft(command: &str) -> String {
    run_in("direct_netns", "nft", &[command])
}

fn lost() -> f64 {
    scrape().sum("netmon_link_lost_packets_total", &[])
}

/// Lets the time pass in which epochs are closed, so that any loss is reported. The pings show that it passes.
fn let_epochs_close() {
    run("ping", &["-q", "-c", "30", "-i", "0.1", "-W", "5", "10.200.0.3"]);
}

#[test]
fn drops_by_nftables_have_the_kernels_reason_and_are_no_loss_on_the_wire() {
    sandbox(|| {
        if Command::new("nft").arg("--version").output().is_err() {
            return skip("nft (package nftables) is not installed");
        }
        let _agent = Agent::start([""; 0]);
        nft("add table inet t");
        nft("add chain inet t c { type filter hook input priority 0; }");
        nft("add rule inet t c udp dport 9 counter drop");
        let socket = UdpSocket::bind("10.200.0.2:0").expect("an address of the lab");
        for _ in 0..DATAGRAMS {
            socket.send_to(b"unwanted", "10.200.0.3:9").expect("a route");
        }
        let dropped = || {
            let said = nft("list table inet t");
            let count = said.split_once("counter packets ").expect("a counter").1.split(' ').next();
            count.and_then(|count| count.parse::<u64>().ok()).expect("a number")
        };
        eventually("all packets at nftables", PATIENCE, || (dropped() == DATAGRAMS).then_some(()));
        let reason = [&INSIDE[..], &[("reason", "NETFILTER_DROP")]].concat();
        assert_eq!(scrape().sum("netmon_drops_total", &reason), DATAGRAMS as f64);
        let arrived = [&INSIDE[..], &[("direction", "ingress"), ("protocol", "udp")]].concat();
        assert_eq!(scrape().sum("netmon_packets_total", &arrived), DATAGRAMS as f64);
        let_epochs_close();
        assert_eq!(lost(), 0.0);
    });
}

/// Sends two megabytes over TCP into a queue that is far too short. Returns the packets that are lost, missing, and
/// dropped according to tc.
fn through_a_queue(burst: &str, limit: &str) -> [f64; 3] {
    let before = [lost(), missing(&at_rest(&DIRECT).1)];
    let words = ["qdisc", "replace", "dev", "veth0", "root", "tbf", "rate", "50mbit"];
    run("tc", &[&words[..], &["burst", burst, "limit", limit]].concat());
    run("iperf3", &["-c", "10.200.0.3", "-n", "2M"]);
    let_epochs_close();
    let dropped = qdisc("root", "veth0", "tbf").expect("a token bucket").drops as f64;
    let all = [lost() - before[0], missing(&at_rest(&DIRECT).1) - before[1], dropped];
    run("tc", &["qdisc", "del", "dev", "veth0", "root"]);
    println!("burst {burst}: lost, missing, dropped: {all:?}");
    all
}

#[test]
fn segments_of_tcp_that_a_queue_drops_are_lost_to_the_last_one() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let _server = IperfServer::start();
        // The burst is smaller than a super-packet: the queue segments it, and drops single segments.
        for burst in ["1600", "2000"] {
            let [lost, missing, dropped] = through_a_queue(burst, "10000");
            assert!(dropped > 0.0, "the queue was meant to overflow");
            assert_eq!((lost, missing), (dropped, dropped), "burst {burst}");
        }
        // This queue takes small super-packets whole: a dropped one counts as one for tc, and as all its segments on
        // the wire.
        let [lost, missing, dropped] = through_a_queue("5000", "10000");
        assert_eq!(lost, missing);
        assert!(dropped > 0.0 && lost >= dropped, "{lost} lost, {dropped} dropped");
    });
}
