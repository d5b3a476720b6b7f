//! Round trips in parts: forward link + turnaround + return link.

use std::time::Duration;

use netmon_tests::{
    agent::Agent,
    commands::{fails, succeeds},
    direct::{LINK, link_status},
    eventually::eventually,
    sandbox::{run, run_in, sandbox},
};
use serde_json::Value;

/// A histogram's count and sum.
fn total(summary: &Value) -> (f64, f64) {
    let number = |what: &str| summary[what].as_f64().expect("a summary");
    (number("count"), number("sum_ns"))
}

/// The mean of what a histogram recorded between two readings of the link, in nanoseconds.
fn mean_between(before: &Value, after: &Value, histogram: impl Fn(&Value) -> &Value) -> f64 {
    let ((count, sum), (count_after, sum_after)) = (total(histogram(before)), total(histogram(after)));
    assert!(count_after > count);
    (sum_after - sum) / (count_after - count)
}

#[test]
fn between_two_readings_the_parts_of_two_hundred_pings_add_up_within_five_percent() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let before = link_status();
        run("ping", &["-q", "-c", "200", "-i", "0.002", "10.200.0.3"]);
        let after = link_status();
        let mean = |of: fn(&Value) -> &Value| mean_between(&before, &after, of);
        let whole = mean(|link| &link["a"]["round_trips"]["icmp"]);
        let turnaround = mean(|link| &link["b"]["round_trips"]["icmp"]);
        let there = mean(|link| &link["a_to_b"]["latency"]);
        let back = mean(|link| &link["b_to_a"]["latency"]);
        println!("{whole} ns = {there} + {turnaround} + {back}, less {}", there + turnaround + back - whole);
        assert!((there + turnaround + back - whole).abs() <= 0.05 * whole);
    });
}

#[test]
fn when_both_ends_ask_each_sense_has_its_own_requests() {
    sandbox(|| {
        let _agent = quiet_agent();
        run("ping", &["-q", "-c", "30", "-i", "0.002", "10.200.0.3"]);
        run_in("direct_netns", "ping", &["-q", "-c", "10", "-i", "0.002", "10.200.0.2"]);
        let link = link_status();
        for (sense, asked) in [("seen_from_a", 30), ("seen_from_b", 10)] {
            let parts = &link["round_trip_parts"][sense]["icmp"];
            for part in ["round_trip", "turnaround"] {
                assert_eq!(parts[part]["samples"], asked, "{sense}: {parts:#}");
            }
            let mean = |part: &str| parts[part]["mean_ns"].as_u64().expect("a mean");
            assert!(mean("round_trip") > mean("turnaround"), "{sense}: {parts:#}");
        }
    });
}

/// An agent of a lab in which only the test sends: without IPv6 the interfaces send nothing of their own but ARP,
/// which carries no stamp.
fn quiet_agent() -> Agent {
    run("sysctl", &["-q", "-w", "net.ipv6.conf.default.disable_ipv6=1"]);
    let lab = "/run/quiet.toml";
    let text = "[[namespace]]\nname = \"direct_netns\"\n\
                sysctls = { \"net.ipv6.conf.all.disable_ipv6\" = \"1\" }\n[[link]]\n\
                a = { namespace = \"root\", interface = \"veth0\", addresses = [\"10.200.0.2/24\"] }\n\
                b = { namespace = \"direct_netns\", interface = \"veth1\", addresses = [\"10.200.0.3/24\"] }\n\
                [[service]]\nnamespace = \"direct_netns\"\nhttp = \"10.200.0.3:80\"\n";
    std::fs::write(lab, text).expect("a lab file");
    let agent = Agent::start([lab]);
    // Windows begin with a reading from before the traffic.
    eventually("rates", Duration::from_secs(10), || {
        (!link_status()["a"]["ingress"]["packets_per_second"].is_null()).then_some(())
    });
    agent
}

/// The parts of the last seconds, once the agent has them.
fn recent(sense: &str, kind: &str) -> Value {
    eventually("parts of the last seconds", Duration::from_secs(4), || {
        let parts = link_status()["round_trip_parts"][sense][kind].take();
        (!parts.is_null()).then_some(parts)
    })
}

fn assert_adds_up_exactly(parts: &Value) {
    println!("{parts}");
    for part in ["round_trip", "forward", "turnaround", "return"] {
        assert_eq!(parts[part]["samples"], 200, "{part}");
    }
    assert_eq!(parts["same_packets"], true);
    // A stamp is known to 64 ns. The mean of two hundred errors of each way, and of both, is below 11 ns (six deviations).
    assert!(parts["difference_ns"].as_i64().is_some_and(|off| off.abs() <= 13), "{parts}");
}

#[test]
fn of_the_same_packets_the_parts_add_up_from_either_end() {
    sandbox(|| {
        let agent = quiet_agent();
        run("ping", &["-q", "-c", "200", "-i", "0.002", "10.200.0.3"]);
        assert_adds_up_exactly(&recent("seen_from_a", "recent_icmp"));
        assert!(link_status()["round_trip_parts"]["seen_from_b"]["icmp"].is_null());
        drop(agent);
    });
    sandbox(|| {
        let _agent = quiet_agent();
        run_in("direct_netns", "ping", &["-q", "-c", "200", "-i", "0.002", "10.200.0.2"]);
        assert_adds_up_exactly(&recent("seen_from_b", "recent_icmp"));
        assert!(link_status()["round_trip_parts"]["seen_from_a"]["icmp"].is_null());
    });
}

#[test]
fn a_handshake_is_taken_apart_and_the_table_shows_both() {
    sandbox(|| {
        let _agent = quiet_agent();
        run("ping", &["-q", "-c", "5", "-i", "0.002", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/"]);
        let parts = recent("seen_from_a", "recent_tcp_handshake");
        assert_eq!(
            (&parts["round_trip"]["samples"], &parts["turnaround"]["samples"]),
            (&1.into(), &1.into())
        );
        assert_eq!(parts["same_packets"], false, "the link carried pings as well");
        let table = succeeds(&["status", "--link", LINK]);
        // Most packets on the link are of the other kind, so a difference would say nothing.
        for row in ["ICMP echo", "TCP handshake"] {
            let is_row =
                |line: &&str| line.starts_with("root:veth0") && line.contains(row) && line.ends_with(" -");
            assert_eq!(table.lines().filter(is_row).count(), 1, "{table}");
        }
        assert!(!succeeds(&["status"]).contains("TURNAROUND"));
    });
}

#[test]
fn an_unknown_link_is_an_error_of_usage_that_names_the_near_one() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let said = fails(2, &["status", "--link", "root:veth0--direct_netns:veth0"]);
        assert!(said.contains("near it:") && said.contains(LINK), "{said}");
    });
}
