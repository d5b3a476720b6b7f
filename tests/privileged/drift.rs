//! What other programs do to a lab while it is watched: noticed within a second, reported everywhere, and no reason
//! for the agent to stop. Afterwards `netmon reload` and `netmon down` work as usual.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::{ADDRESS, Agent, Metrics, scrape},
    commands::{fails, succeeds},
    eventually::eventually,
    host::left_behind,
    ping::ping,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;
use serde_json::Value;

/// The documented bound.
const NOTICED: Duration = Duration::from_secs(1);
const FILE: &str = "/run/sandbox/disturbed.toml";
const LOG: &str = "/run/sandbox/disturbed.log";

/// A link to root, a link over a bridge in root, and a link that does not touch root.
const LAB: &str = r#"
[[namespace]]
name = "one"
[[namespace]]
name = "two"
[[bridge]]
name = "dz-br"
namespace = "root"
addresses = ["10.34.1.1/24"]
[[link]]
name = "direct"
a = { namespace = "root", interface = "dz0", addresses = ["10.34.0.1/24"] }
b = { namespace = "one", interface = "eth0", addresses = ["10.34.0.2/24"] }
[[link]]
name = "bridged"
a = { namespace = "root", interface = "dz1", bridge = "dz-br" }
b = { namespace = "two", interface = "eth0", addresses = ["10.34.1.2/24"] }
[[link]]
name = "between"
a = { namespace = "one", interface = "eth1", addresses = ["10.34.2.1/24"] }
b = { namespace = "two", interface = "eth1", addresses = ["10.34.2.2/24"] }
"#;

/// Runs `test` with the lab watched, beside a foreign namespace. Afterwards a reload restores the lab, and `down`
/// removes it: whatever happened to it, both work and nothing is left.
fn while_watched(arguments: &[&str], test: impl FnOnce() + Send) {
    sandbox(|| {
        run("ip", &["netns", "add", "theirs"]);
        let before = left_behind();
        fs::write(FILE, LAB).unwrap();
        let agent = Agent::start_with_log(Path::new(LOG), &[arguments, &[FILE]].concat());
        test();
        succeeds(&["reload", FILE]);
        assert_eq!(succeeds(&["plan", FILE]), "lab disturbed: nothing to do\n");
        all_is_well();
        succeeds(&["down", FILE]);
        assert_eq!(agent.end(Signal::TERM).0.code(), Some(0));
        assert_eq!(left_behind(), before);
    });
}

/// The same without the reload: the lab is removed in the state that it is in.
fn while_watched_until_down(test: impl FnOnce() + Send) {
    sandbox(|| {
        run("ip", &["netns", "add", "theirs"]);
        let before = left_behind();
        fs::write(FILE, LAB).unwrap();
        let agent = Agent::start_with_log(Path::new(LOG), &[FILE]);
        test();
        let (status, _) = agent.end(Signal::TERM);
        assert_eq!((status.code(), left_behind()), (Some(0), before), "{}", log());
    });
}

fn all_is_well() {
    for (from, to) in [("root", "10.34.0.2"), ("root", "10.34.1.2"), ("one", "10.34.2.2")] {
        ping(from, to);
    }
    let metrics = scrape();
    assert_eq!(metrics.sum("netmon_endpoint_up", &[]), 6.0);
    assert_eq!(metrics.sum("netmon_program_attached", &[]), 12.0);
    assert_eq!(drift("links"), [""; 0]);
    let sent = |link| echoes_out(&metrics, link);
    assert!(sent("direct") > 0.0 && sent("bridged") > 0.0 && sent("between") > 0.0, "they are counted");
}

fn echoes_out(metrics: &Metrics, link: &str) -> f64 {
    metrics.sum("netmon_packets_total", &[("link", link), ("direction", "egress"), ("protocol", "icmp")])
}

fn log() -> String {
    fs::read_to_string(LOG).unwrap()
}

fn api(path: &str) -> Value {
    let text = run("curl", &["-sf", "--max-time", "10", &format!("http://{ADDRESS}/api/v1/{path}")]);
    serde_json::from_str(&text).expect("JSON")
}

/// `NAMESPACE:INTERFACE KIND` of each drift that one of the two endpoints of the API reports.
fn drift(path: &str) -> Vec<String> {
    let all = api(path);
    let mut found = Vec::new();
    for end in all["links"].as_array().unwrap().iter().flat_map(|link| [&link["a"], &link["b"]]) {
        let [namespace, interface] = ["namespace", "interface"].map(|key| end[key].as_str().unwrap());
        let kinds = end["drift"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap());
        found.extend(kinds.map(|kind| format!("{namespace}:{interface} {kind}")));
    }
    found
}

/// Waits until exactly these are reported, within the documented bound, also in the log and by `netmon status`.
fn await_reported(wanted: &[&str], up: f64, in_words: &[&str]) {
    let begun = Instant::now();
    eventually(&format!("{wanted:?}"), NOTICED, || (drift("topology") == wanted).then_some(()));
    println!("{wanted:?} after {:?}", begun.elapsed());
    assert_eq!(drift("links"), wanted);
    assert_eq!(scrape().sum("netmon_endpoint_up", &[]), up, "{wanted:?}");
    let status = succeeds(&["status"]);
    for words in in_words {
        assert!(log().contains(words), "no {words:?} in {}", log());
        let (end, what) = words.split_once(" in ").expect("an interface in a namespace");
        let (namespace, what) = what.split_once(' ').expect("what happened to it");
        let line = format!("{namespace}:{end} {what}");
        assert!(status.contains(&line) || end == "dz-br", "no {line:?} in {status}");
    }
}

#[test]
fn a_renamed_interface_keeps_its_labels_and_counts_and_can_be_renamed_back() {
    while_watched(&[], || {
        ping("root", "10.34.0.2");
        run("ip", &["link", "set", "dz0", "name", "eth9"]);
        await_reported(&["root:dz0 renamed"], 6.0, &["dz0 in root is called eth9 now"]);
        ping("root", "10.34.0.2");
        run("ip", &["link", "set", "eth9", "mtu", "1400"]);
        run("ip", &["link", "set", "eth9", "mtu", "1500"]);
        run("ip", &["link", "set", "eth9", "name", "dz0"]);
        await_reported(&[], 6.0, &[]);
        ping("root", "10.34.0.2");
        let metrics = scrape();
        assert_eq!(echoes_out(&metrics, "direct"), 6.0, "two ends, three echoes each");
        assert_eq!(metrics.sum("netmon_endpoint_up", &[("interface", "dz0")]), 1.0);
        assert_eq!(log().matches("is called").count(), 1, "once, not at every announcement: {}", log());
        run("ip", &["link", "set", "dz0", "name", "eth9"]);
        await_reported(&["root:dz0 renamed"], 6.0, &[]);
    });
}

#[test]
fn an_interface_whose_name_was_given_to_another_is_made_anew_and_the_other_stays() {
    while_watched(&[], || {
        run("ip", &["-n", "one", "link", "set", "eth1", "down"]);
        await_reported(&["one:eth1 set_down"], 5.0, &["eth1 in one was set down"]);
        run("ip", &["-n", "one", "link", "set", "eth1", "name", "theirs"]);
        await_reported(
            &["one:eth1 renamed", "one:eth1 set_down"],
            5.0,
            &["eth1 in one is called theirs now"],
        );
    });
}

#[test]
fn an_interface_moved_to_another_namespace_is_reported_and_can_come_back() {
    for (mode, hooks_of_it) in [("tcx", 2.0), ("clsact", 0.0)] {
        while_watched(&["--attach", mode], || {
            ping("one", "10.34.2.2");
            run("ip", &["-n", "one", "link", "set", "eth1", "netns", "theirs"]);
            await_reported(&["one:eth1 moved"], 5.0, &["eth1 in one was moved to another namespace"]);
            let attached =
                || scrape().sum("netmon_program_attached", &[("interface", "eth1"), ("netns", "one")]);
            assert_eq!(attached(), hooks_of_it, "a TCX program moves along, a filter does not");
            ping("root", "10.34.1.2");
            // Its index is free, because nothing was created in its namespace since.
            run("ip", &["-n", "theirs", "link", "set", "eth1", "netns", "one"]);
            await_reported(&["one:eth1 set_down"], 5.0, &[]);
            run("ip", &["-n", "one", "link", "set", "eth1", "up"]);
            run("ip", &["-n", "one", "address", "add", "10.34.2.1/24", "dev", "eth1"]);
            await_reported(&[], 6.0, &[]);
            ping("one", "10.34.2.2");
            assert_eq!(attached(), hooks_of_it);
        });
    }
}

#[test]
fn both_ends_of_a_link_that_are_moved_away_are_taken_back() {
    let moves_both = || {
        run("ip", &["-n", "one", "link", "set", "eth1", "netns", "theirs"]);
        run("ip", &["-n", "two", "link", "set", "eth1", "netns", "theirs", "name", "eth2"]);
        await_reported(
            &["one:eth1 moved", "two:eth1 moved"],
            4.0,
            &["eth1 in two was moved to another namespace"],
        );
        assert!(run("ip", &["-n", "theirs", "link"]).contains("eth2"));
    };
    let theirs = || run("ip", &["-n", "theirs", "-br", "link"]);
    while_watched(&[], || {
        moves_both();
        let said = succeeds(&["plan", FILE]);
        assert!(said.contains("- link theirs:eth1") && said.contains("- link theirs:eth2"), "{said}");
    });
    while_watched_until_down(moves_both);
    sandbox(|| {
        run("ip", &["netns", "add", "theirs"]);
        let before = (left_behind(), theirs());
        fs::write(FILE, LAB).unwrap();
        succeeds(&["up", FILE]);
        run("ip", &["-n", "one", "link", "set", "eth1", "netns", "theirs"]);
        let said = succeeds(&["clean", "--yes"]);
        assert!(said.contains("eth1 in theirs"), "{said}");
        assert_eq!((left_behind(), theirs()), before);
    });
}

#[test]
fn a_bridge_that_is_set_down_or_deleted_is_reported_at_its_ports() {
    while_watched(&[], || {
        run("ip", &["link", "set", "dz-br", "down"]);
        let down = ["dz-br in root was set down", "dz1 in root is a port of dz-br, which is down"];
        await_reported(&["root:dz1 bridge_down"], 6.0, &down);
        run("ip", &["link", "set", "dz-br", "up"]);
        await_reported(&[], 6.0, &[]);
        run("ip", &["link", "delete", "dz-br"]);
        let gone = ["dz-br in root was deleted", "dz1 in root is not a port of dz-br any more"];
        await_reported(&["root:dz1 off_bridge"], 6.0, &gone);
        ping("one", "10.34.2.2");
    });
}

#[test]
fn a_namespace_that_loses_its_name_is_reported_and_stays_while_it_is_watched() {
    let deletes = || {
        run("ip", &["netns", "del", "one"]);
        let unnamed = ["one:eth0 namespace_unnamed", "one:eth1 namespace_unnamed"];
        await_reported(&unnamed, 6.0, &["eth0 in one is in a namespace whose name was deleted"]);
        ping("root", "10.34.0.2");
    };
    while_watched(&[], deletes);
    while_watched_until_down(deletes);
    while_watched(&[], || {
        deletes();
        // Another program has the name now: until it is free again, the lab stays as it is.
        run("ip", &["netns", "add", "one"]);
        let said = fails(4, &["reload", FILE]);
        assert!(said.contains("namespace one already exists"), "{said}");
        ping("root", "10.34.0.2");
        run("ip", &["netns", "del", "one"]);
    });
}

#[test]
fn a_link_that_is_deleted_is_reported_at_both_ends() {
    while_watched(&[], || {
        run("ip", &["link", "delete", "dz0"]);
        await_reported(&["root:dz0 deleted", "one:eth0 deleted"], 4.0, &["dz0 in root was deleted"]);
        assert_eq!(scrape().sum("netmon_program_attached", &[("link", "direct")]), 0.0);
        ping("one", "10.34.2.2");
        // The kernel may assign the index to another interface.
        run("ip", &["link", "add", "theirs0", "type", "bridge"]);
        await_reported(&["root:dz0 deleted", "one:eth0 deleted"], 4.0, &[]);
        run("ip", &["link", "delete", "theirs0"]);
    });
}
