//! The audit: netmon's counts beside the kernel's, and what explains the difference.

use std::{
    os::fd::AsFd as _,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use netmon_kernel::sys::{
    bpf::{TcxHook, attach_tcx_first, load_classifier},
    insn::{Register::R0, TCX_DROP, exit, mov64_imm},
    packet_socket::PacketSocket,
    xdp::{self, XDP_DROP, XDP_PASS, XdpMode},
};
use netmon_tests::{
    agent::{Agent, Up, scrape},
    commands::succeeds,
    direct::{LINK, link_status, set_offloads},
    eventually::eventually,
    interface::ifindex,
    packets::{Ipv4, number, udp},
    sandbox::{run, run_in, sandbox},
    tc::qdisc,
};
use serde_json::Value;

/// All hooks of the link.
const HOOKS: [(&str, &str); 4] = [("a", "ingress"), ("a", "egress"), ("b", "ingress"), ("b", "egress")];

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 500,000,000")
}

/// The link, once every hook was audited after this call.
fn audited() -> Value {
    let begun = now_ms();
    eventually("an audit of every hook", Duration::from_secs(20), || {
        let link = link_status();
        let fresh = |(end, hook): (&str, &str)| {
            link[end][hook]["audit"]["taken_at_unix_ms"].as_u64().is_some_and(|at| at > begun)
        };
        HOOKS.into_iter().all(fresh).then_some(link)
    })
}

fn difference(link: &Value, (end, hook): (&str, &str)) -> i64 {
    let audit = &link[end][hook]["audit"];
    let number = |what: &str| audit[what].as_i64().expect("a number");
    let explained: i64 = audit["explained_packets"]
        .as_object()
        .expect("causes")
        .values()
        .map(|packets| packets.as_i64().expect("a number"))
        .sum();
    let difference = number("difference_packets");
    assert_eq!(number("hook_packets"), number("kernel_packets") + explained + difference, "{audit}");
    difference
}

fn explained(link: &Value, (end, hook): (&str, &str), cause: &str) -> i64 {
    link[end][hook]["audit"]["explained_packets"][cause].as_i64().unwrap_or(0)
}

fn assert_no_difference(link: &Value) {
    for hook in HOOKS {
        let (end, direction) = hook;
        assert_eq!(difference(link, hook), 0, "{hook:?}: {}", link[end][direction]["audit"]);
    }
}

/// A datagram from veth0 to a closed port.
fn frame() -> Vec<u8> {
    Ipv4::default().frame(number::UDP, &udp(5000, 6000, b"hello"))
}

/// Pings, datagrams, and a download that is sent in super-packets.
fn mixed_traffic() {
    run("ping", &["-q", "-f", "-c", "500", "10.200.0.3"]);
    run("bash", &["-c", "for i in $(seq 100); do echo > /dev/udp/10.200.0.3/9 || true; done"]);
    run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/bytes/20971520"]);
}

#[test]
fn mixed_traffic_makes_no_difference_with_default_offloads_and_needs_no_explanation() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        mixed_traffic();
        let link = audited();
        assert_no_difference(&link);
        for hook in HOOKS {
            let (end, direction) = hook;
            assert_eq!(explained(&link, hook, "segmented"), 0);
            assert!(link[end][direction]["packets"].as_u64() >= Some(600), "{}", link[end][direction]);
        }
        let table = succeeds(&["status", "--link", LINK]);
        assert!(table.contains("DIFFERENCE") && !table.contains("difference from the kernel"), "{table}");
    });
}

#[test]
fn what_is_cut_into_segments_is_explained_and_also_when_that_changes_in_between() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        mixed_traffic();
        set_offloads(&["tso", "off"]);
        mixed_traffic();
        let link = audited();
        assert_no_difference(&link);
        let from_b = ("b", "egress");
        let more = |link: &Value| {
            let number = |what: &str| link["b"]["egress"][what].as_i64().expect("a number");
            number("segments") - number("packets")
        };
        let first = explained(&link, from_b, "segmented");
        assert!(first < -1000 && first > -more(&link), "{first}, {} in all", more(&link));
        set_offloads(&["tso", "on"]);
        mixed_traffic();
        let whole = audited();
        assert_no_difference(&whole);
        assert!(more(&whole) > more(&link));
        assert_eq!(explained(&whole, from_b, "segmented"), first, "the last download left whole");
    });
}

#[test]
fn what_is_merged_on_arrival_is_explained() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        set_offloads(&["tso", "off", "gro", "on"]);
        mixed_traffic();
        let link = audited();
        assert_no_difference(&link);
        assert!(explained(&link, ("a", "ingress"), "merged") < -1000, "{}", link["a"]["ingress"]["audit"]);
    });
}

#[test]
fn every_packet_that_a_queue_drops_holds_or_discards_is_explained() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        let tbf = |verb: &'static str, rate: &'static str| {
            let shape = ["rate", rate, "burst", "2000", "limit", "20000"];
            run("tc", &[&["qdisc", verb, "dev", "veth0", "root", "tbf"][..], &shape].concat());
        };
        tbf("add", "1mbit");
        run("bash", &["-c", "for i in $(seq 300); do printf '%01000d' 0 > /dev/udp/10.200.0.3/9; done"]);
        let queue = eventually("an empty queue", Duration::from_secs(20), || {
            qdisc("root", "veth0", "tbf").filter(|queue| queue.waiting == 0)
        });
        let dropped = i64::try_from(queue.drops).expect("a count of drops");
        assert!(dropped > 0, "the queue was meant to overflow");
        let link = audited();
        assert_no_difference(&link);
        assert_eq!(explained(&link, ("a", "egress"), "qdisc_drops"), dropped);
        // So slow that nothing leaves the queue during the audit.
        tbf("change", "8bit");
        run("bash", &["-c", "for i in $(seq 5); do printf '%01000d' 0 > /dev/udp/10.200.0.3/9; done"]);
        let link = audited();
        assert_no_difference(&link);
        let queued = explained(&link, ("a", "egress"), "queued");
        assert!(queued >= 3, "{queued}");
        run("tc", &["qdisc", "del", "dev", "veth0", "root"]);
        let link = audited();
        assert_no_difference(&link);
        assert_eq!(explained(&link, ("a", "egress"), "queued"), 0);
        assert!(explained(&link, ("a", "egress"), "queue_emptied") >= queued);
        let labels = [("netns", "root"), ("direction", "egress"), ("cause", "qdisc_drops")];
        assert_eq!(scrape().sum("netmon_audit_explained_packets", &labels), dropped as f64);
    });
}

/// Has the namespace resolve root's address, which is not possible once a program takes what arrives there.
fn know_root() {
    run_in("direct_netns", "ping", &["-q", "-c", "2", "-i", "0.02", "10.200.0.2"]);
}

/// Datagrams from the namespace to root, whose address is known.
fn datagrams_to_root() {
    run_in(
        "direct_netns",
        "bash",
        &["-c", "for i in $(seq 100); do echo > /dev/udp/10.200.0.2/9 || true; done"],
    );
}

#[test]
fn what_an_xdp_program_takes_is_explained() {
    for mode in [XdpMode::Native, XdpMode::Generic] {
        sandbox(|| {
            let _agent = Agent::start([""; 0]);
            let attached = |verdict| {
                let program = xdp::load("foreign", &[mov64_imm(R0, verdict), exit()]).expect("a program");
                xdp::attach(program.as_fd(), ifindex("root", "veth0"), mode).expect("a link")
            };
            mixed_traffic();
            know_root();
            audited();
            let taking = attached(XDP_DROP);
            audited();
            datagrams_to_root();
            let link = audited();
            assert_no_difference(&link);
            let taken = explained(&link, ("a", "ingress"), "xdp");
            assert!((-120..=-100).contains(&taken), "{mode:?}: {taken}");
            drop(taking);
            let _passing = attached(XDP_PASS);
            mixed_traffic();
            let link = audited();
            assert_no_difference(&link);
            assert_eq!(explained(&link, ("a", "ingress"), "xdp"), taken, "{mode:?}: it passes everything");
        });
    }
}

#[test]
fn what_a_program_before_netmons_drops_on_arrival_is_explained() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        mixed_traffic();
        know_root();
        audited();
        let program = load_classifier("foreign", &[mov64_imm(R0, TCX_DROP), exit()]).expect("a program");
        let first = attach_tcx_first(program.as_fd(), ifindex("root", "veth0"), TcxHook::Ingress);
        let _first = first.expect("a link");
        datagrams_to_root();
        let link = audited();
        assert_no_difference(&link);
        let dropped = explained(&link, ("a", "ingress"), "tc_ingress");
        assert!((-120..=-100).contains(&dropped), "{}", link["a"]["ingress"]["audit"]);
    });
}

#[test]
fn packets_that_bypass_a_hook_are_a_negative_difference_there_and_only_there() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        let socket = PacketSocket::open(ifindex("root", "veth0")).expect("a packet socket");
        socket.send(&frame()).expect("sent through the hook");
        socket.bypass_qdisc().expect("past the hook from now on");
        for _ in 0..7 {
            socket.send(&frame()).expect("sent past the hook");
        }
        mixed_traffic();
        let link = audited();
        assert_eq!(difference(&link, ("a", "egress")), -7, "{}", link["a"]["egress"]["audit"]);
        for hook in [("a", "ingress"), ("b", "ingress"), ("b", "egress")] {
            assert_eq!(difference(&link, hook), 0, "{hook:?}");
        }
        let labels = [("netns", "root"), ("interface", "veth0"), ("direction", "egress")];
        assert_eq!(scrape().sum("netmon_audit_difference_packets", &labels), -7.0);
        let table = succeeds(&["status"]);
        assert!(table.contains("egress, difference from the kernel's count: -7"), "{table}");
    });
}

#[test]
fn what_a_peer_that_is_down_does_not_take_is_explained() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        run("ip", &["-n", "direct_netns", "link", "set", "veth1", "down"]);
        // As frames: without a carrier, ARP would have no answer.
        let socket = PacketSocket::open(ifindex("root", "veth0")).expect("a packet socket");
        for _ in 0..5 {
            socket.send(&frame()).expect("handed over");
        }
        let link = audited();
        assert_no_difference(&link);
        assert!(explained(&link, ("a", "egress"), "tx_dropped") >= 5, "{}", link["a"]["egress"]["audit"]);
        run("ip", &["-n", "direct_netns", "link", "set", "veth1", "up"]);
        assert_no_difference(&audited());
    });
}

#[test]
fn what_a_program_behind_the_hook_drops_is_explained() {
    sandbox(|| {
        let _up = Up::direct();
        run("ping", &["-q", "-c", "1", "10.200.0.3"]);
        let program = load_classifier("foreign", &[mov64_imm(R0, TCX_DROP), exit()]).expect("a program");
        let foreign =
            attach_tcx_first(program.as_fd(), ifindex("root", "veth0"), TcxHook::Egress).expect("a link");
        let _agent = Agent::start([""; 0]);
        audited();
        let _ = Command::new("ping").args(["-q", "-c", "9", "-i", "0.01", "-W", "1", "10.200.0.3"]).output();
        drop(foreign);
        mixed_traffic();
        let link = audited();
        assert_no_difference(&link);
        assert!(explained(&link, ("a", "egress"), "tc_egress") >= 9, "{}", link["a"]["egress"]["audit"]);
    });
}

#[test]
fn what_a_program_before_the_hook_drops_passed_neither_of_them() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("ping", &["-q", "-c", "1", "10.200.0.3"]);
        audited();
        let program = load_classifier("foreign", &[mov64_imm(R0, TCX_DROP), exit()]).expect("a program");
        let foreign =
            attach_tcx_first(program.as_fd(), ifindex("root", "veth0"), TcxHook::Egress).expect("a link");
        let socket = PacketSocket::open(ifindex("root", "veth0")).expect("a packet socket");
        // The kernel's answer to a drop may be an error.
        (0..500).for_each(|_| drop(socket.send(&frame())));
        assert_no_difference(&audited());
        drop(foreign);
        mixed_traffic();
        assert_no_difference(&audited());
    });
}

#[test]
fn what_passes_while_hooks_are_taken_off_for_a_comparison_is_explained() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        audited();
        succeeds(&["overhead", "veth0", "--pairs", "2", "--run-ms", "10"]);
        let link = audited();
        assert_no_difference(&link);
        for hook in HOOKS {
            assert!(explained(&link, hook, "unwatched") < -10, "{hook:?}");
        }
    });
}

#[test]
fn what_the_kernel_counted_before_an_agent_came_is_explained() {
    sandbox(|| {
        let _up = Up::direct();
        run("ping", &["-q", "-f", "-c", "50", "10.200.0.3"]);
        let _agent = Agent::start([""; 0]);
        run("ping", &["-q", "-f", "-c", "50", "10.200.0.3"]);
        let link = audited();
        assert_no_difference(&link);
        for hook in HOOKS {
            assert!(explained(&link, hook, "before_attach") <= -50, "{hook:?}");
        }
    });
}
