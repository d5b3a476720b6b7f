//! Real loads with all combinations of offloads: the hooks' counts equal the kernel's.
//!
//! With default offloads a super-packet crosses a veth in one piece, and both count one. With TSO off the kernel
//! segments it after the egress hook and counts the segments: then the kernel's packets are netmon's segments.
use std::{
    fs::{self, File},
    net::UdpSocket,
    process::Command,
    time::Duration,
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, scrape},
    counts::{
        Count, DIRECT, DIRECTIONS, End, Hook, assert_nothing_lost_on_the_way, at_rest, handed_over, missing,
    },
    direct::set_offloads,
    eventually::eventually,
    iperf::IperfServer,
    labs::valid,
    sandbox::{run, sandbox},
};

const PATIENCE: Duration = Duration::from_secs(20);
const DATAGRAMS: u32 = 100_000;
const GIGABYTE: u64 = 1 << 30;
/// The kernel does not count the Ethernet header of a packet that it receives through NAPI.
const ETHERNET: f64 = 14.0;

/// Both hooks of both ends, each with the kernel's count.
fn each_hook(ends: &[End], mut look: impl FnMut(&str, Hook, Count)) {
    for (end, (_, interface)) in ends.iter().zip(DIRECT) {
        for (index, direction) in DIRECTIONS.iter().enumerate() {
            look(&format!("{direction} of {interface}"), end.hooks[index], end.kernel[index]);
        }
    }
}

fn assert_equal_to_the_kernels(what: &str, ends: &[End]) {
    each_hook(ends, |at, hook, kernel| assert_eq!(hook.whole, kernel, "{what}: {at}"));
    assert_nothing_lost_on_the_way(what, ends);
    assert_lost_is_what_is_missing(what);
}

/// Nothing is missing, except after a run that was repeated.
fn assert_lost_is_what_is_missing(what: &str) {
    let expected = missing(&at_rest(&DIRECT).1);
    let lost = || scrape().sum("netmon_link_lost_packets_total", &[]);
    eventually("the loss of a repeated run", PATIENCE, || (lost() >= expected).then_some(()));
    assert_eq!(lost(), expected, "{what}");
}

/// In both directions at once.
fn iperf(bytes: &str) {
    run("iperf3", &["-c", "10.200.0.3", "--bidir", "-n", bytes]);
}

#[test]
fn a_flood_of_a_hundred_thousand_datagrams_is_counted_to_the_last_one() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let inside = NetNs::open(&valid("direct_netns")).expect("a namespace");
        let bind = || UdpSocket::bind("10.200.0.3:7000").expect("an address of the lab");
        // Never read: what does not fit into its buffer is dropped beyond the hooks.
        let _receiver = inside.run(bind).expect("a thread in it");
        let sender = UdpSocket::bind("10.200.0.2:0").expect("an address of the lab");
        sender.connect("10.200.0.3:7000").expect("a route");
        let udp = || scrape().sum("netmon_packets_total", &[("protocol", "udp")]);
        let mut sent = 0.0;
        let ends = handed_over(|| {
            let before = udp();
            for number in 0..DATAGRAMS {
                let length = 1 + number as usize % 1400;
                assert_eq!(sender.send(&[0; 1400][..length]).expect("a route"), length);
            }
            sent = udp() - before;
        });
        assert_eq!(sent, 2.0 * f64::from(DATAGRAMS), "at both ends");
        assert_equal_to_the_kernels("flood", &ends);
    });
}

#[test]
fn a_gigabyte_from_nginx_is_counted_to_the_last_byte() {
    sandbox(|| {
        fs::create_dir_all("/run/sandbox/nginx/html").expect("a folder");
        fs::write("/run/sandbox/nginx/nginx.conf", include_str!("../../labs/nginx/nginx.conf"))
            .expect("a configuration");
        File::create("/run/sandbox/nginx/html/file").and_then(|file| file.set_len(GIGABYTE)).expect("a file");
        // The service of the lab names the folder `nginx` beside the lab file.
        fs::write("/run/sandbox/lab.toml", include_str!("../../labs/direct-nginx.toml")).expect("a lab");
        let _agent = Agent::start(["/run/sandbox/lab.toml"]);
        eventually("nginx answers", PATIENCE, || {
            let head = Command::new("curl").args(["-sfI", "http://10.200.0.3/file"]).output();
            head.is_ok_and(|head| head.status.success()).then_some(())
        });
        let ends = handed_over(|| {
            let words = ["-sf", "-o", "/dev/null", "-w", "%{size_download}", "http://10.200.0.3/file"];
            assert_eq!(run("curl", &words), GIGABYTE.to_string());
        });
        assert_equal_to_the_kernels("download", &ends);
        let arrived = ends[0].hooks[0];
        assert!(arrived.whole.bytes > GIGABYTE as f64, "{arrived:?}");
        assert!(arrived.wire.packets > arrived.whole.packets, "super-packets are the point: {arrived:?}");
    });
}

#[test]
fn what_iperf3_sends_both_ways_is_counted_to_the_last_byte() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let _server = IperfServer::start();
        assert_equal_to_the_kernels("iperf3", &handed_over(|| iperf("300M")));
    });
}

#[test]
fn with_tso_off_our_segments_and_wire_bytes_are_the_kernels_packets_and_bytes() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let _server = IperfServer::start();
        for (gro, missing) in [("off", 0.0), ("on", ETHERNET)] {
            set_offloads(&["tso", "off", "gro", gro]);
            let ends = handed_over(|| iperf("100M"));
            let mut super_packets = 0;
            each_hook(&ends, |at, hook, kernel| {
                let bytes = kernel.bytes + missing * kernel.packets;
                assert_eq!(hook.wire, Count { bytes, ..kernel }, "GRO {gro}: {at}");
                super_packets += usize::from(hook.whole.packets < hook.wire.packets);
            });
            assert!(super_packets >= 2, "super-packets at egress are the point: {ends:?}");
            assert_nothing_lost_on_the_way("TSO off", &ends);
        }
    });
}

#[test]
fn with_every_mix_of_offloads_what_leaves_one_end_enters_the_other() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let _server = IperfServer::start();
        let on_or_off = ["on", "off"];
        for tso in on_or_off {
            for gso in on_or_off {
                for gro in on_or_off {
                    set_offloads(&["tso", tso, "gso", gso, "gro", gro]);
                    let what = format!("TSO {tso}, GSO {gso}, GRO {gro}");
                    let ends = handed_over(|| iperf("10M"));
                    assert_nothing_lost_on_the_way(&what, &ends);
                    assert!(ends[1].hooks[0].wire.bytes > 1e6, "{what}: {ends:?}");
                }
            }
        }
        assert_lost_is_what_is_missing("every mix");
    });
}
