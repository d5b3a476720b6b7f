//! `netmon doctor` describes this host correctly, and leaves it unchanged.

use std::process::Command;

use netmon_tests::{
    agent::{Agent, scrape},
    binary::netmon,
    commands::{fails, succeeds},
    doctor::{diagnosis, finding},
    host::left_behind,
    sandbox::{run, sandbox},
    tc::kernel_has_netem,
};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn all_is_well_here_and_the_checks_leave_nothing_behind() {
    sandbox(|| {
        let before = left_behind();
        let (code, all) = diagnosis(&["--endpoints", "2000"]);
        assert_eq!((code, &all["can_run"]), (0, &Value::Bool(true)), "{all}");
        for what in [
            "TCX",
            "packet stamps",
            "kernel drops",
            "CAP_NET_ADMIN",
            "CAP_NET_BROADCAST",
            "eBPF programs",
            "tracing",
            "delivery times",
        ] {
            assert_eq!(finding(&all, what)["status"], "ok", "{all}");
        }
        assert_eq!(finding(&all, "netem")["status"] == "ok", kernel_has_netem(), "{all}");
        assert_eq!(finding(&all, "tbf")["status"], "ok", "{all}");
        assert_eq!(all["memory"]["measured"], true);
        let counters = all["memory"]["maps"].as_array().expect("a list");
        let counters = counters.iter().find(|map| map["map"] == "COUNTERS").expect("the map of counters");
        let how = &counters["per_endpoint"];
        assert_eq!(how["endpoints"], 2048, "whole chunks");
        let [endpoints, cpus, value] =
            ["endpoints", "cpus", "value_bytes"].map(|key| how[key].as_u64().expect("a number"));
        assert!(counters["bytes"].as_u64() >= Some(endpoints * cpus * value), "{counters}");
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_copy_of_the_mounts_of_run_is_noted() {
    sandbox(|| {
        // Every sandbox has such a copy.
        let (_, all) = diagnosis(&[]);
        let mounts = finding(&all, "mounts of /run");
        assert_eq!(mounts["status"], "note", "{mounts}");
        assert!(mounts["advice"].as_str().is_some_and(|advice| advice.contains("rslave")), "{mounts}");
        run("mount", &["--make-shared", "/run"]);
        let (_, all) = diagnosis(&[]);
        assert_eq!(finding(&all, "mounts of /run")["status"], "ok", "{all}");
    });
}

#[test]
fn the_predicted_memory_is_what_an_agent_uses() {
    sandbox(|| {
        let (_, all) = diagnosis(&[]);
        let foretold = all["memory"]["total_bytes"].as_f64().expect("a number");
        let _agent = Agent::start([""; 0]);
        let taken = scrape().sum("netmon_map_memory_bytes", &[]);
        assert!(taken > 0.0);
        assert!((foretold / taken - 1.0).abs() < 0.05, "foretold {foretold}, taken {taken}");
    });
}

#[test]
fn agents_foreign_programs_and_leftovers_are_listed() {
    sandbox(|| {
        let agent = Agent::start([""; 0]);
        run("tc", &["qdisc", "add", "dev", "veth0", "clsact"]);
        let bytecode = ["bpf", "da", "bytecode", "1,6 0 0 4294967295"];
        run("tc", &[&["filter", "add", "dev", "veth0", "egress"], &bytecode[..]].concat());
        let (code, all) = diagnosis(&[]);
        assert_eq!(code, 0, "{all}");
        assert!(
            finding(&all, "lab direct")["found"].as_str().is_some_and(|text| text.contains("process")),
            "{all}"
        );
        let [foreign] = &all["programs"].as_array().expect("a list")[..] else { panic!("{all}") };
        assert_eq!(
            (&foreign["interface"], &foreign["direction"], &foreign["attached"]),
            (&"veth0".into(), &"egress".into(), &"clsact".into()),
            "{foreign}"
        );
        assert_eq!((&foreign["position"], &foreign["netmon_position"]), (&2.into(), &1.into()), "{foreign}");
        let (status, _) = agent.end(Signal::KILL);
        assert_eq!(status.code(), None, "ended by the signal");
        let text = succeeds(&["doctor"]);
        assert!(text.contains("direct") && text.contains("netmon clean"), "{text}");
        succeeds(&["clean", "--yes"]);
        let (_, all) = diagnosis(&[]);
        assert_eq!(finding(&all, "leftovers")["status"], "ok", "{all}");
    });
}

#[test]
fn missing_privileges_are_named_with_exit_code_3() {
    sandbox(|| {
        let output = Command::new("setpriv")
            .args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"])
            .arg(netmon())
            .arg("doctor")
            .output()
            .expect("setpriv is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("missing  CAP_NET_ADMIN"), "{text}");
        assert!(text.contains("netmon cannot run here"), "{text}");
        fails(2, &["doctor", "/no/such/file.toml"]);
    });
}
