//! `netmon overhead`, with an agent and without, and the state that it leaves.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netmon_kernel::sys::bpf::{TcxHook, tcx_chain};
use netmon_tests::{
    agent::{Agent, Metrics, Up, scrape},
    binary::netmon,
    commands::{fails, succeeds},
    direct::LINK,
    eventually::eventually,
    interface::ifindex,
    lab_files::spoke,
    running::Running,
    sandbox::{run, sandbox},
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a short comparison on the link of the built-in lab.
fn short() -> Value {
    let output = Command::new(netmon())
        .args(["overhead", "veth0", "--pairs", "4", "--run-ms", "10", "-o", "json"])
        .output()
        .expect("netmon starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// Asserts that both measures were taken, with hooks and without.
fn measures_something(comparison: &Value) {
    for measure in ["round_trip_ns", "packets_per_second"] {
        for hooks in ["off", "on"] {
            let median = number(comparison, &format!("/{measure}/{hooks}/median"));
            assert!(median > 100.0, "{measure} with hooks {hooks}: {median}");
        }
    }
}

fn attached(metrics: &Metrics, interface: &str) -> f64 {
    metrics.sum("netmon_program_attached", &[("interface", interface)])
}

#[test]
fn the_agent_counts_exactly_with_hooks_on_and_reports_what_it_did_not_count() {
    sandbox(|| {
        let _agent = Agent::start([] as [&str; 0]);
        // Other traffic at the same time must not appear as lost.
        let _ping = Running::start("ping", "ping", &["-q", "-i", "0.002", "10.200.0.3"]).expect("ping");
        let comparison = short();
        measures_something(&comparison);
        let metrics = scrape();
        let egress = [("protocol", "udp"), ("direction", "egress")];
        let counted = number(&comparison, "/counted_load_packets");
        assert_eq!(metrics.sum("netmon_packets_total", &egress), counted, "{comparison}");
        assert!(number(&comparison, "/uncounted/load_packets") > 1000.0, "{comparison}");
        assert!(number(&comparison, "/uncounted/other_packets") > 0.0, "{comparison}");
        assert_eq!(number(&comparison, "/lost_load_packets"), 0.0);
        assert_eq!((attached(&metrics, "veth0"), attached(&metrics, "veth1")), (2.0, 2.0));
        // Epochs are closed after half a second.
        let begun = Instant::now();
        eventually("a second without loss", PATIENCE, || {
            assert_eq!(scrape().sum("netmon_link_lost_packets_total", &[]), 0.0);
            (begun.elapsed() > Duration::from_secs(1)).then_some(())
        });
    });
}

fn start(pairs: &str) -> Child {
    Command::new(netmon())
        .args(["overhead", "one", "--pairs", pairs, "--run-ms", "20"])
        .stdout(Stdio::null())
        .spawn()
        .expect("netmon starts")
}

#[test]
fn a_killed_comparison_leaves_all_hooks_on_and_never_touched_other_links() {
    sandbox(|| {
        let two_links = spoke("left", "one", "10.201.0") + &spoke("right", "two", "10.202.0");
        std::fs::write("/run/two.toml", two_links).expect("a lab file");
        let _agent = Agent::start(["/run/two.toml"]);
        let mut comparison = start("1000");
        let others = || {
            let metrics = scrape();
            assert_eq!(attached(&metrics, "two"), 2.0);
            metrics
        };
        eventually("hooks that are off", PATIENCE, || (attached(&others(), "one") == 0.0).then_some(()));
        run("ping", &["-q", "-c", "300", "-i", "0.002", "10.202.0.2"]);
        let said = fails(1, &["overhead", "left:eth0"]);
        assert!(said.contains("another `netmon overhead` is using them"), "{said}");
        eventually("hooks that are off once more", PATIENCE, || {
            (attached(&others(), "one") == 0.0).then_some(())
        });
        comparison.kill().expect("our own child");
        comparison.wait().expect("our own child");
        eventually("hooks that are on", PATIENCE, || (attached(&others(), "one") == 2.0).then_some(()));
        let metrics = scrape();
        let icmp = [("interface", "two"), ("protocol", "icmp"), ("direction", "egress")];
        assert_eq!(metrics.sum("netmon_packets_total", &icmp), 300.0);
        run("ping", &["-q", "-c", "7", "-i", "0.01", "10.201.0.2"]);
        let icmp = [("interface", "one"), ("protocol", "icmp"), ("direction", "ingress")];
        assert_eq!(scrape().sum("netmon_packets_total", &icmp), 7.0, "counting continues after the kill");
    });
}

#[test]
fn filters_of_clsact_are_taken_off_and_put_on_as_well() {
    sandbox(|| {
        let _agent = Agent::start(["--attach", "clsact"]);
        let comparison = short();
        measures_something(&comparison);
        let egress = [("protocol", "udp"), ("direction", "egress")];
        let counted = number(&comparison, "/counted_load_packets");
        assert_eq!(scrape().sum("netmon_packets_total", &egress), counted);
        for way in ["ingress", "egress"] {
            let filters = run("tc", &["filter", "show", "dev", "veth0", way]);
            assert_eq!(filters.matches(" id ").count(), 1, "{filters}");
        }
    });
}

#[test]
fn a_lab_without_an_agent_is_compared_with_temporary_hooks() {
    sandbox(|| {
        let _up = Up::direct();
        let comparison = short();
        measures_something(&comparison);
        let index = ifindex("root", "veth0");
        for hook in [TcxHook::Ingress, TcxHook::Egress] {
            assert!(tcx_chain(index, hook).expect("a chain").is_empty());
        }
        let said = succeeds(&["overhead", "veth0", "--pairs", "2", "--run-ms", "5"]);
        assert!(said.contains("No agent watches this lab"), "{said}");
        let said = fails(2, &["overhead", "veth7"]);
        assert!(said.contains(LINK), "{said}");
    });
}
