//! `netmon test`: what holds is reported so, what fails is reported with its reason, and nothing is left of the lab.

use std::{fs, net::UdpSocket, process::Command, thread, time::Duration};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::{fails, succeeds},
    dns,
    eventually::eventually,
    host::left_behind,
    lab_files::shipped,
    ping::ping,
    sandbox::{run, sandbox},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const FILE: &str = "/run/sandbox/pair.toml";

/// Two namespaces with a link, a second link that no traffic takes, and a web server.
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
    let before = left_behind();
    let said = verdicts_of_running(expectations);
    assert_eq!(left_behind(), before);
    said
}

/// The same for a lab that may be up already.
fn verdicts_of_running(expectations: &str) -> (i32, Vec<Value>) {
    fs::write(FILE, format!("{PAIR}{expectations}")).expect("a tmpfs");
    let output = Command::new(netmon()).args(["test", FILE, "-o", "json"]).output().expect("netmon starts");
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
fn every_kind_of_expectation_holds_where_it_is_met() {
    sandbox(|| {
        let (code, verdicts) = verdicts(
            r#"
            [[expect]]
            from = "near"
            icmp = "10.31.0.2"
            count = 50
            p50_below = "100ms"
            p99_below = "1s"
            link_latency_below = "50ms"
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
        // netmon counts what was sent: fifty echo requests, and fifty replies in the other direction.
        assert_eq!(
            (&verdicts[0]["packets"]["cable"], &verdicts[0]["packets"]["spare"]),
            (&50.into(), &0.into())
        );
        assert_eq!(verdicts[5]["packets"]["spare"], 20);
    });
}

#[test]
fn packets_that_ipv6_sends_by_itself_are_no_traffic_and_its_echoes_are() {
    sandbox(|| {
        // For a neighbour that does not exist the kernel sends a solicitation each second, and no echo request ever
        // leaves.
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
fn a_failed_expectation_is_reported_with_its_reason_and_exit_code_5() {
    sandbox(|| {
        let (code, verdicts) = verdicts(
            r#"
            [[expect]]
            from = "near"
            icmp = "10.31.0.2"
            p50_below = "1ns"
            crosses = ["cable"]
            link_latency_below = "1ns"
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
        assert!(reasons(&verdicts[0]).contains("on average, not below 1ns"), "{:#}", verdicts[0]);
        let table = fails(5, &["test", FILE]);
        assert!(table.contains("FAILED") && table.contains("6 of 6 expectations did not hold"), "{table}");
        let junit = fails(5, &["test", FILE, "-o", "junit"]);
        assert!(
            junit.contains("<testsuite name=\"pair\" tests=\"6\" failures=\"6\" errors=\"0\""),
            "{junit}"
        );
        assert_eq!(junit.matches("<failure ").count(), 6, "{junit}");
    });
}

#[test]
fn the_classic_labs_keep_their_promises() {
    for lab in [
        "bridge",
        "router",
        "chain",
        "mesh",
        "star",
        "probes",
        "dual-stack",
        "lossy-wan",
        "bufferbloat",
        "asymmetric",
        "mtu",
    ] {
        sandbox(|| {
            let before = left_behind();
            succeeds(&["test", &shipped(&format!("{lab}.toml"))]);
            assert_eq!(left_behind(), before);
        });
    }
}

/// The link carries 20 Mbit/s in one direction, limited by the kernel's token bucket; a server has large pages.
#[test]
fn a_throughput_is_that_of_the_slowest_part_and_a_free_link_has_much_more() {
    sandbox(|| {
        let (code, verdicts) = verdicts(
            r#"
            [[expect]]
            from = "far"
            command = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "20mbit", "burst", "16kb", "latency", "50ms"]
            [[expect]]
            from = "near"
            http = "http://10.31.0.2/bytes/1000000000"
            throughput_at_least = "10mbit"
            crosses = ["cable"]
            [[expect]]
            from = "near"
            http = "http://10.31.0.2/bytes/1000000000"
            throughput_at_least = "30mbit"
            [[expect]]
            from = "near"
            tcp = "10.31.0.2:5001"
            throughput_at_least = "50mbit"
            crosses = ["cable"]
            [[expect]]
            from = "far"
            tcp = "10.31.0.1:5001"
            throughput_at_least = "50mbit"
            [[expect]]
            from = "near"
            tcp = "10.31.0.2:80"
            throughput_at_least = "1mbit"
            [[expect]]
            from = "near"
            http = "http://10.31.0.2/"
            throughput_at_least = "1kbit"
            "#,
        );
        assert_eq!(code, 5, "{verdicts:#?}");
        let held: Vec<bool> = verdicts.iter().map(|verdict| verdict["held"] == true).collect();
        assert_eq!(held, [true, true, false, true, false, false, false], "{verdicts:#?}");
        // The payload that a link of 20 Mbit/s carries: less its headers, and no more than the rate.
        for shaped in [&verdicts[1], &verdicts[4]] {
            let bits = shaped["throughput_bits_per_second"].as_u64().expect("it was measured");
            assert!((10_000_000..=20_500_000).contains(&bits), "{shaped:#}");
        }
        let wanted = [
            (2, "mbit/s, not 30.000 mbit/s or more"),
            (4, "mbit/s, not 50.000 mbit/s or more"),
            (5, "cannot receive at 10.31.0.2:80: Address already in use"),
            (6, "are too few to tell a throughput"),
        ];
        for (at, wanted) in wanted {
            assert!(reasons(&verdicts[at]).contains(wanted), "{wanted}: {:#}", verdicts[at]);
        }
    });
}

#[test]
fn several_files_are_tested_in_turn_and_a_wrong_one_stops_them_all() {
    sandbox(|| {
        let expect =
            |address: &str| format!("{PAIR}[[expect]]\nfrom = \"near\"\nicmp = \"{address}\"\ncount = 1\n");
        let (good, bad) = ("/run/sandbox/good.toml", "/run/sandbox/bad.toml");
        fs::write(good, expect("10.31.0.2")).expect("a tmpfs");
        fs::write(bad, expect("10.31.0.77")).expect("a tmpfs");
        let said = fails(5, &["test", good, bad]);
        assert!(said.contains("lab good: 1 of 1 expectations held"), "{said}");
        assert!(said.contains("lab bad: 1 of 1 expectations did not hold"), "{said}");
        let junit = fails(5, &["test", good, bad, "-o", "junit"]);
        assert!(junit.contains("<testsuites name=\"netmon\" tests=\"2\" failures=\"1\""), "{junit}");
        assert_eq!(junit.matches("<testsuite ").count(), 2, "{junit}");
        // A file that cannot be built and one without expectations do not stop the tests of the others.
        let (unbuildable, silent) = ("/run/sandbox/unbuildable.toml", "/run/sandbox/silent.toml");
        let service = "[[service]]\nnamespace = \"near\"\ncommand = [\"no-such-program\"]\n";
        fs::write(unbuildable, expect("10.31.0.2") + service).expect("a tmpfs");
        fs::write(silent, PAIR).expect("a tmpfs");
        let said = fails(1, &["test", silent, unbuildable, good, "-o", "junit"]);
        assert!(said.contains("lab silent expects nothing and is skipped"), "{said}");
        assert!(said.contains("tests=\"2\" failures=\"0\" errors=\"1\""), "{said}");
        assert!(said.contains("<error message=") && said.contains("no-such-program"), "{said}");
        fails(2, &["test", silent]);
        fs::write(bad, "name = 1").expect("a tmpfs");
        // Neither does one that is no lab, or that does not exist.
        let report = fails(2, &["test", good, bad, "/run/sandbox/lost.toml", "-o", "junit"]);
        assert!(report.contains("tests=\"3\" failures=\"0\" errors=\"2\""), "{report}");
        assert!(report.contains("<testsuite name=\"bad\""), "{report}");
        let report = fails(2, &["test", bad, good, "-o", "json"]);
        assert!(
            report.contains("\"file\": \"/run/sandbox/bad.toml\"") && report.contains("\"held\": true"),
            "{report}"
        );
    });
}

#[test]
fn a_dns_server_is_queried_and_nxdomain_is_no_success() {
    sandbox(|| {
        // The test's own server, in a namespace of a lab that is up before `netmon test` and after it.
        fs::write(FILE, PAIR).expect("a tmpfs");
        succeeds(&["up", FILE]);
        let far = "far".parse().expect("a name");
        let socket = NetNs::open(&far).expect("it is up").run(|| UdpSocket::bind("10.31.0.2:53"));
        let socket = socket.expect("a thread").expect("a free port");
        thread::spawn(move || dns::serve(&socket));
        let dns = "[[expect]]\nfrom = \"near\"\ndns = \"10.31.0.2:53\"\n";
        let (code, verdicts) = verdicts_of_running(&format!(
            "{dns}query = \"there.test\"\ncount = 20\ncrosses = [\"cable\"]\navoids = [\"spare\"]\n\
             {dns}query = \"absent.test\"\ntype = \"AAAA\"\n"
        ));
        assert_eq!(code, 5, "{verdicts:#?}");
        assert_eq!(verdicts[0]["held"], true, "{verdicts:#?}");
        assert_eq!(verdicts[0]["packets"]["cable"], 20);
        assert_eq!(reasons(&verdicts[1]), "3 of 3 failed: NXDOMAIN");
    });
}

#[test]
fn a_lab_without_expectations_is_an_error_of_usage() {
    sandbox(|| {
        let said = fails(2, &["test"]);
        assert!(said.contains("lab direct expects nothing"), "{said}");
    });
}

#[test]
fn a_lab_that_stood_before_stays_and_one_that_is_held_is_not_touched() {
    sandbox(|| {
        fs::write(FILE, format!("{PAIR}[[expect]]\nfrom = \"near\"\nicmp = \"10.31.0.2\"\n"))
            .expect("a tmpfs");
        succeeds(&["up", FILE]);
        succeeds(&["test", FILE]);
        ping("near", "10.31.0.2");
        let _agent = Agent::start([FILE]);
        fails(4, &["test", FILE]);
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
            let sleeps = run("sh", &["-c", &format!("pgrep -P {} -x sleep || true", child.id())]);
            (!sleeps.trim().is_empty()).then_some(())
        });
        kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
        let status = eventually("the end", Duration::from_secs(10), || child.try_wait().ok().flatten());
        assert_eq!(status.code(), Some(1));
        assert_eq!(left_behind(), before);
    });
}
