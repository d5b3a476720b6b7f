//! Every expression of the dashboards and every rule returns data from a real Prometheus, which scrapes a real agent under
//! traffic.

use std::{
    fs,
    net::UdpSocket,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::Agent,
    commands::succeeds,
    curl::page,
    dns,
    eventually::{eventually, pause},
    packets::dns_query,
    prometheus::{self, DASHBOARDS, Drawn, Prometheus, drawn, number},
    running::Running,
    sandbox::{run, sandbox},
    skip::skip,
    tc::kernel_has_netem,
};
use serde_json::Value;

const LAB: &str = "/run/sandbox/drawn.toml";
const PATIENCE: Duration = Duration::from_secs(60);

/// A clean link with a server and a probe, and one that is impaired in every way that this kernel can.
const TEXT: &str = r#"
[[namespace]]
name = "drawn_near"
[[namespace]]
name = "drawn_far"
[[link]]
name = "clean"
a = { namespace = "root", interface = "dc0", addresses = ["10.61.0.1/24"] }
b = { namespace = "drawn_near", interface = "dc1", addresses = ["10.61.0.2/24"] }
[[link]]
name = "impaired"
a = { namespace = "root", interface = "di0", addresses = ["10.62.0.1/24"], impair = { IMPAIR } }
b = { namespace = "drawn_far", interface = "di1", addresses = ["10.62.0.2/24"] }
[[service]]
namespace = "drawn_near"
http = "10.61.0.2:80"
[[probe]]
from = "root"
http = "http://10.61.0.2/"
interval = "200ms"
"#;

/// Expressions that may return nothing although everything works: a part of them, and why.
const MAY_BE_EMPTY: [(&str, &str); 7] = [
    ("ALERTS{", "no alert fires while everything works"),
    ("changes(process_start_time_seconds{", "the agent was not restarted"),
    ("netmon_netns_info{", "the agent does not look for links of the host"),
    ("netmon_discover_skipped{", "the same"),
    ("netmon_unjoined_packets_total{", "the same"),
    ("netmon_link_queue_seconds_bucket{", "the same"),
    ("netmon_link_crossing_seconds_bucket{", "the same"),
];
/// Those that need netem, which this kernel may lack.
const OF_NETEM: [(&str, &str); 2] = [
    ("netmon_impairment_delay_seconds{", "no delay can be declared without netem"),
    ("netmon_impairment_jitter_seconds{", "no jitter can be declared without netem"),
];

/// What may be empty on this kernel.
fn may_be_empty() -> Vec<(&'static str, &'static str)> {
    let netem: &[(&str, &str)] = if kernel_has_netem() { &[] } else { &OF_NETEM };
    [&MAY_BE_EMPTY[..], netem].concat()
}

fn start_agent() -> Agent {
    let delay = if kernel_has_netem() { ", delay = \"2ms\", jitter = \"1ms\"" } else { "" };
    let impair = format!("rate = \"20mbit\", loss = \"20%\"{delay}");
    fs::write(LAB, TEXT.replace("IMPAIR", &impair)).unwrap();
    Agent::start(["--program-stats", LAB])
}

/// Answers DNS queries in `drawn_near` until the process ends, and returns a client of it.
fn resolver() -> UdpSocket {
    let near = NetNs::open(&"drawn_near".parse().unwrap()).unwrap();
    let server = near.run(|| UdpSocket::bind("10.61.0.2:53").unwrap()).unwrap();
    thread::spawn(move || dns::serve(&server));
    let client = UdpSocket::bind("10.61.0.1:0").unwrap();
    client.connect("10.61.0.2:53").unwrap();
    client
}

/// Makes HTTP requests, DNS queries, and datagrams to a closed port, which the kernel drops, until `done`.
fn traffic(client: &UdpSocket, done: &AtomicBool) {
    let closed = UdpSocket::bind("10.61.0.1:0").unwrap();
    for id in (0..u16::MAX).cycle() {
        if done.load(Ordering::Relaxed) {
            return;
        }
        page("http://10.61.0.2/").unwrap();
        // The port may be reported as closed.
        let _ = closed.send_to(b"dropped", "10.61.0.2:9");
        client.send(&dns_query(id)).unwrap();
        client.recv(&mut [0; 512]).unwrap();
        (0..10).for_each(|_| pause());
    }
}

/// Ends the traffic, also if the test panics: the scope waits for its threads.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until an expression returns a number.
fn has_data(prometheus: &Prometheus, drawn: &Drawn) {
    let what = format!("data for {}: {}", drawn.place, drawn.expr);
    let has = || prometheus.query(&drawn.expr).iter().any(|series| number(series).is_some());
    eventually(&what, PATIENCE, || has().then_some(()));
}

#[test]
fn every_expression_of_the_dashboards_and_every_recording_rule_returns_data() {
    sandbox(|| {
        if let Some(why) = prometheus::missing() {
            return skip(why);
        }
        let _agent = start_agent();
        let client = resolver();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let ping = |name, to| Running::start(name, "ping", &["-q", "-i", "0.05", to]).unwrap();
        let _pings = [ping("ping_clean", "10.61.0.2"), ping("ping_impaired", "10.62.0.2")];
        let prometheus = Prometheus::start("root", &format!("{DASHBOARDS}/prometheus.yml"));
        eventually("a first scrape", PATIENCE, || prometheus.value("up").filter(|&up| up > 0.0));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| traffic(&client, &done));
            let _done = SetAtEnd(&done);
            // An annotation of reloads has something to show.
            succeeds(&["reload", LAB]);
            check(&prometheus);
        });
    });
}

fn check(prometheus: &Prometheus) {
    let (drawn, may_be_empty) = (drawn(), may_be_empty());
    assert!(drawn.len() > 100, "{}", drawn.len());
    for (part, why) in &may_be_empty {
        assert!(drawn.iter().any(|drawn| drawn.expr.contains(part)), "no expression has {part} ({why})");
    }
    let (empty, full): (Vec<_>, Vec<_>) =
        drawn.iter().partition(|drawn| may_be_empty.iter().any(|(part, _)| drawn.expr.contains(part)));
    full.iter().for_each(|drawn| has_data(prometheus, drawn));
    // They are valid, at least.
    empty.iter().for_each(|drawn| drop(prometheus.query(&drawn.expr)));

    for rule in rules(prometheus) {
        let name = rule["name"].as_str().unwrap();
        let evaluated =
            || rules(prometheus).into_iter().any(|now| now["name"] == name && now["health"] == "ok");
        eventually(name, PATIENCE, || evaluated().then_some(()));
        if rule["type"] == "recording" {
            has_data(prometheus, &Drawn { place: "rules".to_owned(), expr: name.to_owned() });
        }
    }
    let firing = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert!(firing.is_empty(), "alerts fire although a declared loss is all that is wrong: {firing:#?}");
}

fn rules(prometheus: &Prometheus) -> Vec<Value> {
    let groups = prometheus.api("/api/v1/rules")["groups"].as_array().unwrap().clone();
    let rules: Vec<Value> =
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect();
    assert!(rules.len() > 10, "{}", rules.len());
    rules
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    if Command::new("promtool").arg("--version").output().is_err() {
        return skip("promtool (package prometheus) is not installed");
    }
    let rules = ["recording", "alerts"].map(|name| format!("{DASHBOARDS}/rules/{name}.yaml"));
    run("promtool", &["check", "rules", "--lint=all", "--lint-fatal", &rules[0], &rules[1]]);
    run("promtool", &["check", "config", &format!("{DASHBOARDS}/prometheus.yml")]);
    let tests = rules.map(|path| path.replace(".yaml", "_test.yaml"));
    run("promtool", &["test", "rules", &tests[0], &tests[1]]);
}
