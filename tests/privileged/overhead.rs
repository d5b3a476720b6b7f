//! `netmon overhead`: with an agent and without, and what it leaves behind.

#![expect(clippy::expect_used, reason = "helpers of tests, which may")]

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use netmon_kernel::sys::bpf::{TcxHook, tcx_chain};
use netmon_tests::{
    agent::{Agent, Metrics, Up, netmon_says, scrape},
    binary::netmon,
    eventually::eventually,
    running::Running,
    sandbox::{run, sandbox},
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// A short comparison of the built-in lab's link.
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

/// Both measures were taken, with hooks and without.
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
fn the_agent_counts_what_passes_with_hooks_on_exactly_and_the_rest_is_told() {
    sandbox(|| {
        let _agent = Agent::start([] as [&str; 0]);
        // Of other traffic meanwhile, nothing must look lost.
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

/// The built-in lab with a second link, which nobody compares.
const TWO_LINKS: &str = "namespace = [{ name = \"left\" }, { name = \"right\" }]\n[[link]]\n\
    a = { namespace = \"root\", interface = \"one\", addresses = [\"10.201.0.1/24\"] }\n\
    b = { namespace = \"left\", interface = \"eth0\", addresses = [\"10.201.0.2/24\"] }\n[[link]]\n\
    a = { namespace = \"root\", interface = \"two\", addresses = [\"10.202.0.1/24\"] }\n\
    b = { namespace = \"right\", interface = \"eth0\", addresses = [\"10.202.0.2/24\"] }\n";

fn begin(pairs: &str) -> Child {
    Command::new(netmon())
        .args(["overhead", "one", "--pairs", pairs, "--run-ms", "20"])
        .stdout(Stdio::null())
        .spawn()
        .expect("netmon starts")
}

#[test]
fn hooks_are_on_again_when_the_comparison_is_killed_and_other_links_were_watched_all_the_time() {
    sandbox(|| {
        std::fs::write("/run/two.toml", TWO_LINKS).expect("a lab file");
        let _agent = Agent::start(["/run/two.toml"]);
        let mut comparison = begin("1000");
        let others = || {
            let metrics = scrape();
            assert_eq!(attached(&metrics, "two"), 2.0);
            metrics
        };
        eventually("hooks that are off", PATIENCE, || (attached(&others(), "one") == 0.0).then_some(()));
        run("ping", &["-q", "-c", "300", "-i", "0.002", "10.202.0.2"]);
        let (code, said) = netmon_says(&["overhead", "left:eth0"]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("another comparison of link"), "{said}");
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
        assert_eq!(scrape().sum("netmon_packets_total", &icmp), 7.0, "counted on after the kill");
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
fn a_lab_without_an_agent_is_compared_with_hooks_of_its_own_which_go() {
    sandbox(|| {
        let _up = Up::direct();
        let comparison = short();
        measures_something(&comparison);
        let json: Value =
            serde_json::from_str(&run("ip", &["-j", "link", "show", "veth0"])).expect("ip prints JSON");
        let ifindex =
            json[0]["ifindex"].as_u64().and_then(|index| u32::try_from(index).ok()).expect("a number");
        for hook in [TcxHook::Ingress, TcxHook::Egress] {
            assert!(tcx_chain(ifindex, hook).expect("a chain").is_empty());
        }
        let (code, said) = netmon_says(&["overhead", "veth0", "--pairs", "2", "--run-ms", "5"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("No agent watches this lab"), "{said}");
        let (code, said) = netmon_says(&["overhead", "veth7"]);
        assert_eq!(code, 2);
        assert!(said.contains("root:veth0--direct_netns:veth1"), "{said}");
    });
}
