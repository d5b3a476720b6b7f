//! How netmon attaches by default, what it counts then, and what it leaves behind.

use netmon_tests::{
    agent::{Agent, scrape},
    commands::succeeds,
    counts::{DIRECT, DIRECTIONS, assert_nothing_lost_on_the_way, at_rest},
    host::left_behind,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;

use crate::kernel;

/// The qdiscs of both ends of the lab `direct`.
fn qdiscs() -> String {
    [&[][..], &["-n", "direct_netns"]]
        .map(|within| run("tc", &[within, &["qdisc", "show"]].concat()))
        .concat()
}

#[test]
fn the_attach_mode_is_chosen_and_every_count_is_the_kernels() {
    let mode = kernel::this().mode;
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        assert_eq!(scrape().sum("netmon_program_attached", &[("mode", mode)]), 4.0);
        assert_eq!(scrape().count("netmon_program_attached", &[]), 4, "in no other mode");
        assert_eq!(qdiscs().matches("clsact").count(), if mode == "clsact" { 2 } else { 0 }, "{}", qdiscs());
        run("ping", &["-q", "-c", "20", "-i", "0.05", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/bytes/1048576"]);
        let (metrics, ends) = at_rest(&DIRECT);
        for (end, (namespace, interface)) in ends.iter().zip(DIRECT) {
            for (direction, (hook, kernel)) in DIRECTIONS.iter().zip(end.hooks.iter().zip(end.kernel)) {
                assert_eq!(hook.whole, kernel, "{direction} of {interface}");
            }
            let icmp = [("netns", namespace), ("interface", interface), ("protocol", "icmp")];
            assert_eq!(metrics.sum("netmon_packets_total", &icmp), 40.0, "{interface}");
            let here = [("netns", namespace), ("interface", interface)];
            let answered = if namespace == "root" { 20.0 } else { 0.0 };
            assert!(metrics.sum("netmon_icmp_rtt_seconds_count", &here) >= answered, "{interface}");
        }
        assert_nothing_lost_on_the_way("pings and a download", &ends);
        assert_eq!(metrics.sum("netmon_link_lost_packets_total", &[]), 0.0);
        assert!(metrics.sum("netmon_link_latency_seconds_count", &[]) >= 40.0, "every ping is stamped");
        for reason in ["unknown_endpoint", "stamp_refused", "flow_refused", "drop_refused"] {
            assert_eq!(metrics.sum("netmon_parse_exits_total", &[("reason", reason)]), 0.0, "{reason}");
        }
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
    });
}

#[test]
fn after_sigterm_a_lab_that_stays_has_no_filter_of_ours() {
    sandbox(|| {
        run("mkdir", &["-p", "/run/netns"]);
        let before = left_behind();
        succeeds(&["up"]);
        let qdiscs_before = qdiscs();
        assert_eq!(Agent::start([""; 0]).end(Signal::TERM).0.code(), Some(0));
        assert_eq!(qdiscs(), qdiscs_before);
        for hook in ["ingress", "egress"] {
            assert_eq!(run("tc", &["filter", "show", "dev", "veth0", hook]), "");
        }
        succeeds(&["down"]);
        assert_eq!(left_behind(), before);
    });
}
