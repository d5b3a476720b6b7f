//! Several labs on one host: `netmon status` has a line for each, and commands that show one lab ask which.

use std::{fs, time::Duration};

use netmon_tests::{
    agent::Agent,
    commands::{fails, netmon_says, printed, succeeds},
    eventually::eventually,
    lab_files::spoke,
    sandbox::{run, sandbox},
};
use serde_json::Value;

/// Enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes a lab file with one namespace of the lab's name. Returns its path.
fn file(lab: &str, interface: &str, network: &str) -> String {
    let path = format!("/run/sandbox/{lab}.toml");
    fs::write(&path, spoke(lab, interface, network)).expect("a lab file");
    path
}

fn labs() -> Vec<Value> {
    let said: Value = serde_json::from_str(&printed(&["status", "-o", "json"])).expect("JSON");
    said["labs"].as_array().expect("several labs").clone()
}

/// The packets of one link, in both directions, as the agent of its lab says.
fn packets_of_link(lab: &str) -> u64 {
    let said: Value = serde_json::from_str(&printed(&["status", lab, "-o", "json"])).expect("JSON");
    let link = &said["links"][0];
    ["a", "b"].iter().map(|end| link[end]["egress"]["packets"].as_u64().expect("a count")).sum()
}

#[test]
fn each_of_several_labs_has_a_line_with_its_own_figures() {
    sandbox(|| {
        let (east, west) = (file("east", "east0", "10.37.0"), file("west", "west0", "10.37.1"));
        let _first = Agent::start([&east]);
        let second = "127.0.0.1:9577";
        let _second = Agent::start_at(second, [&west, "--listen", second]);
        succeeds(&["up", &file("zero", "zero0", "10.37.2")]);
        run("ping", &["-q", "-c", "30", "-i", "0.01", "10.37.0.2"]);
        run("ping", &["-q", "-c", "70", "-i", "0.01", "10.37.1.2"]);

        eventually("sums that are those of the links", PATIENCE, || {
            let [east, west, _] = &labs()[..] else { panic!("three labs") };
            let packets = |lab: &Value| lab["totals"]["packets"].as_u64().expect("a count");
            let is_same =
                packets(east) == packets_of_link("east") && packets(west) == packets_of_link("west");
            (is_same && packets(east) >= 60 && packets(west) >= 140).then_some(())
        });
        let [east, west, zero] = &labs()[..] else { panic!("three labs") };
        assert_eq!((&east["lab"], &east["address"]), (&"east".into(), &"127.0.0.1:9477".into()));
        assert_eq!((&west["lab"], &west["address"]), (&"west".into(), &second.into()));
        assert_eq!((&west["totals"]["links"], &west["totals"]["hooks_attached"]), (&1.into(), &4.into()));
        assert!(zero["totals"].is_null() && zero["address"].is_null(), "{zero}");
        assert!(zero["error"].as_str().is_some_and(|error| error.contains("nothing measures it")), "{zero}");

        let table = printed(&["status"]);
        let cells = |lab: &str| {
            let line = table.lines().find(|line| line.starts_with(lab)).expect("a line of the lab");
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(cells("west")[1..3], ["1", "4/4"], "{table}");
        assert_eq!(cells("west").last().map(String::as_str), Some("http://127.0.0.1:9577/"), "{table}");
        assert_eq!(cells("zero")[1], "-", "{table}");
        let said = fails(1, &["flows"]);
        assert!(said.contains("name one of them: east | west"), "{said}");
        succeeds(&["down", "zero"]);
    });
}

#[test]
fn an_agent_that_does_not_answer_has_a_line_that_says_so() {
    sandbox(|| {
        let (east, west) = (file("east", "east0", "10.37.0"), file("west", "west0", "10.37.1"));
        let first = Agent::start([&east]);
        let second = "127.0.0.1:9577";
        let stopped = Agent::start_at(second, [&west, "--listen", second]);
        // Its address refuses connections from here on, and its process holds the lab.
        run("nft", &["add table inet gone; add chain inet gone out { type filter hook output priority 0; }"]);
        run("nft", &["add rule inet gone out tcp dport 9577 reject with tcp reset"]);
        let [_, west] = &labs()[..] else { panic!("two labs") };
        assert!(west["error"].as_str().is_some_and(|error| error.contains("cannot connect")), "{west}");
        first.end(rustix::process::Signal::TERM);
        let (code, said) = netmon_says(&["status", "--all"]);
        assert!(code == 1 && said.contains("lab west: cannot connect to 127.0.0.1:9577"), "{code} {said}");
        drop(stopped);
    });
}

#[test]
fn one_lab_has_a_line_only_if_all_are_asked_for() {
    sandbox(|| {
        assert!(fails(1, &["status", "--all"]).contains("netmon run"));
        let _agent = Agent::start([file("east", "east0", "10.37.0")]);
        assert!(printed(&["status"]).contains("root:east0"));
        let all = printed(&["status", "--all"]);
        assert!(all.contains("http://127.0.0.1:9477/") && !all.contains("root:east0"), "{all}");
        assert!(printed(&["status", "--all", "east"]).contains("root:east0"), "one that is named is shown");
        assert_eq!(netmon_says(&["status", "--all", "--link", "root:east0--east:eth0"]).0, 2);
    });
}
