//! `netmon test`: what holds holds, what does not is told with its reason, and nothing is left of the lab.
#![expect(clippy::expect_used, reason = "helpers of tests, which may")]

use std::{fs, path::Path, process::Command, time::Duration};

use netmon_tests::{
    agent::{Agent, netmon_says},
    binary::netmon,
    eventually::eventually,
    host::left_behind,
    sandbox::{run, sandbox},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const FILE: &str = "/run/sandbox/pair.toml";

/// Two namespaces with a link, a second link that nothing takes, and a web server.
const PAIR: &str = r#"
[[namespace]]
name = "near"
[[namespace]]
name = "far"
[[link]]
name = "cable"
a = { namespace = "near", interface = "eth0", addresses = ["10.31.0.1/24"] }
b = { namespace = "far", interface = "eth0", addresses = ["10.31.0.2/24"] }
[[link]]
name = "spare"
a = { namespace = "near", interface = "eth1", addresses = ["10.31.1.1/24"] }
b = { namespace = "far", interface = "eth1", addresses = ["10.31.1.2/24"] }
[[service]]
namespace = "far"
http = "10.31.0.2:80"
"#;

/// The exit code and the verdicts of a lab with these expectations.
fn verdicts(expectations: &str) -> (i32, Vec<Value>) {
    fs::write(FILE, format!("{PAIR}{expectations}")).expect("a tmpfs");
    let before = left_behind();
    let output = Command::new(netmon()).args(["test", FILE, "-o", "json"]).output().expect("netmon starts");
    assert_eq!(left_behind(), before);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let verdicts = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}{errors}"));
    (output.status.code().unwrap_or(-1), verdicts)
}

fn reasons(verdict: &Value) -> String {
    let reasons = verdict["reasons"].as_array().expect("a list");
    reasons.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_kind_holds_where_it_is_so() {
    sandbox(|| {
        let (code, verdicts) = verdicts(
            r#"
            [[expect]]
            from = "near"
            icmp = "10.31.0.2"
            count = 50
            p50_below = "100ms"
            p99_below = "1s"
            crosses = ["cable"]
            avoids = ["spare"]
            [[expect]]
            from = "near"
            tcp = "10.31.0.2:80"
            crosses = ["cable"]
            [[expect]]
            from = "near"
            http = "http://10.31.0.2/"
            status = 200
            [[expect]]
            from = "near"
            tcp = "10.31.0.2:81"
            reachable = false
            [[expect]]
            from = "near"
            icmp = "10.31.0.77"
            count = 1
            reachable = false
            [[expect]]
            from = "near"
            command = ["ping", "-q", "-c", "20", "-i", "0.01", "10.31.1.2"]
            crosses = ["spare"]
            avoids = ["cable"]
            [[expect]]
            from = "near"
            command = ["false"]
            reachable = false
            "#,
        );
        let failed: Vec<_> = verdicts.iter().filter(|verdict| verdict["held"] != true).collect();
        assert!(failed.is_empty() && verdicts.len() == 7, "{failed:#?}");
        assert_eq!(code, 0);
        // What netmon counted is what was sent: fifty echoes, and fifty answers the other way.
        assert_eq!(
            (&verdicts[0]["packets"]["cable"], &verdicts[0]["packets"]["spare"]),
            (&50.into(), &0.into())
        );
        assert_eq!(verdicts[5]["packets"]["spare"], 20);
    });
}

#[test]
fn what_ipv6_says_by_itself_is_not_taken_for_traffic_and_its_echoes_are() {
    sandbox(|| {
        // Who asks for a neighbour that is not there has the kernel solicit it, each second, and no echo ever leaves.
        let (code, verdicts) = verdicts(
            r#"
            [[link]]
            name = "six"
            a = { namespace = "near", interface = "eth2", addresses = ["fd00:31::1/64"] }
            b = { namespace = "far", interface = "eth2", addresses = ["fd00:31::2/64"] }
            [[service]]
            name = "background"
            namespace = "near"
            command = ["ping", "-6", "-i", "0.2", "fd00:31::77"]
            [[expect]]
            from = "near"
            command = ["ping", "-q", "-c", "16", "-i", "0.1", "10.31.1.2"]
            crosses = ["spare"]
            avoids = ["six", "cable"]
            [[expect]]
            from = "near"
            icmp = "fd00:31::2"
            count = 20
            crosses = ["six"]
            avoids = ["spare"]
            [[expect]]
            from = "near"
            command = ["ping", "-6", "-q", "-c", "20", "-i", "0.01", "fd00:31::2"]
            crosses = ["six"]
            avoids = ["spare"]
            [[expect]]
            from = "near"
            icmp = "fd00:31::77"
            count = 1
            reachable = false
            avoids = ["six"]
            "#,
        );
        let failed: Vec<_> = verdicts.iter().filter(|verdict| verdict["held"] != true).collect();
        assert!(failed.is_empty() && verdicts.len() == 4, "{failed:#?}");
        assert_eq!(code, 0);
        assert_eq!(
            (&verdicts[1]["packets"]["six"], &verdicts[2]["packets"]["six"]),
            (&20.into(), &20.into())
        );
    });
}

#[test]
fn what_does_not_hold_is_told_with_its_reason_and_is_exit_code_5() {
    sandbox(|| {
        let (code, verdicts) = verdicts(
            r#"
            [[expect]]
            from = "near"
            icmp = "10.31.0.2"
            p50_below = "1ns"
            [[expect]]
            from = "near"
            icmp = "10.31.0.2"
            reachable = false
            [[expect]]
            from = "near"
            icmp = "10.31.0.2"
            crosses = ["spare"]
            avoids = ["cable"]
            [[expect]]
            from = "near"
            http = "http://10.31.0.2/"
            status = 404
            [[expect]]
            from = "near"
            command = ["sh", "-c", "echo broken >&2; exit 3"]
            [[expect]]
            from = "root"
            icmp = "10.31.0.2"
            lost_at_most = "50%"
            "#,
        );
        assert_eq!(code, 5, "{verdicts:#?}");
        let wanted = [
            "the median is ",
            "3 of 3 succeeded, and none should",
            "link spare saw 0 of 3 packets; link cable saw 3 packets, and should see none",
            "3 of 3 failed: status 200",
            "1 of 1 failed: exit status: 3: broken",
            "3 of 3 failed: Network is unreachable",
        ];
        for (verdict, wanted) in verdicts.iter().zip(wanted) {
            assert!(reasons(verdict).contains(wanted), "{wanted}: {verdict:#}");
        }
        let (code, table) = netmon_says(&["test", FILE]);
        assert_eq!(code, 5, "{table}");
        assert!(table.contains("FAILED") && table.contains("6 of 6 expectations did not hold"), "{table}");
        let (_, junit) = netmon_says(&["test", FILE, "-o", "junit"]);
        assert!(junit.contains("tests=\"6\" failures=\"6\"") && junit.contains("<failure "), "{junit}");
    });
}

#[test]
fn the_classic_labs_keep_their_promises() {
    for lab in ["bridge", "router", "chain", "mesh", "star"] {
        sandbox(|| {
            let before = left_behind();
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs").join(format!("{lab}.toml"));
            let (code, said) = netmon_says(&["test", file.to_str().expect("a path in UTF-8")]);
            assert_eq!(code, 0, "{lab}: {said}");
            assert_eq!(left_behind(), before);
        });
    }
}

#[test]
fn a_lab_without_expectations_is_an_error_of_usage() {
    sandbox(|| {
        let (code, said) = netmon_says(&["test"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("lab direct expects nothing"), "{said}");
    });
}

#[test]
fn a_lab_that_stood_before_stays_and_one_that_is_held_is_not_touched() {
    sandbox(|| {
        fs::write(FILE, format!("{PAIR}[[expect]]\nfrom = \"near\"\nicmp = \"10.31.0.2\"\n"))
            .expect("a tmpfs");
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
        assert_eq!(netmon_says(&["test", FILE]).0, 0);
        run("ip", &["netns", "exec", "near", "ping", "-q", "-c", "1", "-W", "2", "10.31.0.2"]);
        let _agent = Agent::start([FILE]);
        let (code, said) = netmon_says(&["test", FILE]);
        assert_eq!(code, 4, "{said}");
    });
}

#[test]
fn an_interrupted_test_takes_its_lab_down() {
    sandbox(|| {
        let before = left_behind();
        let slow = "[[expect]]\nfrom = \"near\"\ncommand = [\"sleep\", \"30\"]\n";
        fs::write(FILE, format!("{PAIR}{slow}")).expect("a tmpfs");
        let mut child = Command::new(netmon()).args(["test", FILE]).spawn().expect("netmon starts");
        eventually("the lab", Duration::from_secs(10), || {
            let sleeps =
                run("sh", &["-c", "pgrep -P $(pgrep -f '[n]etmon test /run/sandbox/pair') -x sleep || true"]);
            (!sleeps.trim().is_empty()).then_some(())
        });
        kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
        let status = eventually("the end", Duration::from_secs(10), || child.try_wait().ok().flatten());
        assert_eq!(status.code(), Some(1));
        assert_eq!(left_behind(), before);
    });
}
