//! Every alert fires: netmon's rules, with each duration divided by 60, over a real agent, a real Prometheus and real
//! faults.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use netmon_kernel::{netns::NetNs, sys::packet_socket::PacketSocket};
use netmon_tests::{
    agent::{ADDRESS, Agent},
    curl::answers,
    eventually::eventually,
    interface::ifindex,
    packets::{Ipv4, number, udp},
    prometheus::{self, Prometheus, divided_rules},
    running::Running,
    sandbox::{run, sandbox},
    skip::skip,
    slow_relay::SlowRelay,
};
use rustix::process::Signal;
use serde_json::Value;

const LAB: &str = "/run/sandbox/alerting.toml";
const CONFIGURATION: &str = "/run/sandbox/prometheus.yml";
/// Where Prometheus scrapes the agent a second time, over a path that becomes slow.
const RELAY: &str = "127.0.0.1:9478";
/// By how much the rules are faster. An hour is a minute.
const FASTER: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(120);
/// The links, each in a network 10.6N.0.0/24 of its own. Each has one fault, so that each alert has one cause.
const LINKS: [&str; 8] = ["lossy", "slow", "down", "moved", "bypassed", "unstamped", "server", "overtaken"];

/// Every alert but the one on the agent itself, with a label and the value that the fault gives it.
const EXPECTED: [(&str, &str, &str); 10] = [
    ("NetmonLinkLosesPackets", "link", "lossy"),
    ("NetmonLinkLatencyHigh", "link", "slow"),
    ("NetmonEndpointDown", "netns", "down"),
    ("NetmonHookNotWatched", "netns", "moved"),
    ("NetmonCountsDiffer", "interface", "bypassed0"),
    ("NetmonUnstampedPackets", "link", "unstamped"),
    ("NetmonProbeFailing", "target", "server"),
    ("NetmonFlowsEvicted", "instance", ADDRESS),
    ("NetmonInternalErrors", "kind", "overtaken"),
    ("NetmonScrapeSlow", "instance", RELAY),
];

/// Alerts on time, each with the expression of its cause. With durations divided by 60, a machine that stands still for a
/// second makes them fire, rightly: then the cause is in the data, and is printed. Their rules have tests with promtool
/// that they do not fire without a reason.
const TIMED: [(&str, &str); 4] = [
    ("NetmonAgentDown", "min_over_time(up[10m]) == 0"),
    ("NetmonLinkLatencyHigh", "max_over_time(link_from_to:netmon_link_latency_seconds:p99_5m[10m]) > 0.001"),
    ("NetmonProbeFailing", "min_over_time(netmon_probe_success[10m]) == 0"),
    ("NetmonScrapeSlow", "max_over_time(scrape_duration_seconds[10m]) > 0.5"),
];

/// The address of an end of a link: 1 is in root, 2 in the namespace.
fn address(link: &str, end: u8) -> String {
    let number = LINKS.iter().position(|one| *one == link).unwrap();
    format!("10.6{number}.0.{end}")
}

fn lab() -> String {
    let link = |name: &&str| {
        let [near, far] = [1, 2].map(|end| address(name, end));
        format!(
            "[[namespace]]\nname = \"{name}\"\n[[link]]\nname = \"{name}\"\n\
             a = {{ namespace = \"root\", interface = \"{name}0\", addresses = [\"{near}/24\"] }}\n\
             b = {{ namespace = \"{name}\", interface = \"{name}1\", addresses = [\"{far}/24\"] }}\n"
        )
    };
    let probe = "[[probe]]\nname = \"server\"\nfrom = \"root\"\ninterval = \"200ms\"\ntcp = ";
    let links: String = LINKS.iter().map(link).collect();
    format!("{links}{probe}\"{}:80\"\n", address("server", 2))
}

/// Scrapes the agent, and once more through the relay, of which nothing but the scrape is of interest.
fn configuration(rules: &str) -> String {
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 500ms\n\
         rule_files: [{rules}/recording.yaml, {rules}/alerts.yaml]\n\
         scrape_configs:\n  - job_name: netmon\n    static_configs:\n      - targets: [\"{ADDRESS}\", \"{RELAY}\"]\n    \
         metric_relabel_configs:\n      - source_labels: [instance]\n        regex: \"{RELAY}\"\n        action: drop\n"
    )
}

fn tc(words: &[&str]) {
    run("tc", words);
}

/// Packets of half a kilobyte, a hundred a second, in one direction and back.
fn ping(name: &'static str, link: &str) -> Running {
    Running::start(name, "ping", &["-q", "-i", "0.01", "-s", "500", &address(link, 2)]).unwrap()
}

/// The server that the probe asks, once it answers.
fn web_server() -> Running {
    let at = address("server", 2);
    let python = ["netns", "exec", "server", "/usr/bin/python3", "-m", "http.server", "80", "--bind", &at];
    let server = Running::start("web", "ip", &python).unwrap();
    eventually("a server", PATIENCE, || answers(&format!("http://{at}/")).then_some(()));
    server
}

/// What happens again and again once the faults are there.
struct Repeated {
    unstamped: PacketSocket,
    connections: Vec<TcpStream>,
    _served: thread::JoinHandle<()>,
}

impl Repeated {
    /// Must be called before the first fault.
    fn prepare() -> Self {
        let server = NetNs::open(&"server".parse().unwrap()).unwrap();
        let listener = server.run(|| TcpListener::bind((address("server", 2), 7000)).unwrap()).unwrap();
        // It ends with the process.
        let served = thread::spawn(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                open.push(stream);
                let extra = open.len().saturating_sub(100);
                open.drain(..extra);
            }
        });
        let unstamped = PacketSocket::open(ifindex("root", "unstamped0")).unwrap();
        Self { unstamped, connections: Vec::new(), _served: served }
    }

    /// Sends a frame that is not IP, and opens a connection more than the table of flows has room for.
    fn once(&mut self) {
        let lldp = [&[1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc][..], &[0; 46]].concat();
        self.unstamped.send(&lldp).unwrap();
        self.connections.push(TcpStream::connect((address("server", 2), 7000)).unwrap());
        let extra = self.connections.len().saturating_sub(100);
        self.connections.drain(..extra);
    }
}

/// Causes every fault but the end of the agent.
fn break_everything() {
    let queue = |link: &str, limit: &str| {
        let interface = format!("{link}0");
        tc(&[
            "qdisc", "add", "dev", &interface, "root", "tbf", "rate", "200kbit", "burst", "2000", "limit",
            limit,
        ]);
    };
    // A queue that is too short drops, one that is too long delays.
    queue("lossy", "3000");
    queue("slow", "400000");
    run("ip", &["-n", "down", "link", "set", "down1", "down"]);
    run("ip", &["netns", "add", "away"]);
    run("ip", &["-n", "moved", "link", "set", "moved1", "netns", "away"]);
    run("ip", &["-n", "away", "link", "set", "moved1", "netns", "moved"]);
    run("ip", &["-n", "moved", "link", "set", "moved1", "up"]);
    let socket = PacketSocket::open(ifindex("root", "bypassed0")).unwrap();
    socket.bypass_qdisc().unwrap();
    let frame = Ipv4::default().frame(number::UDP, &udp(5000, 6000, b"hello"));
    (0..7).for_each(|_| socket.send(&frame).unwrap());
    // It lets every packet through, but netmon would not see one that it takes.
    let filter = ["egress", "pref", "1", "handle", "0x7", "bpf", "da", "bytecode", "1,6 0 0 4294967295"];
    tc(&[&["filter", "add", "dev", "overtaken0"], &filter[..]].concat());
}

/// The alerts that fire, or have fired since the test began.
fn fired(prometheus: &Prometheus) -> Vec<Value> {
    prometheus.query("max_over_time(ALERTS{alertstate=\"firing\"}[10m])")
}

fn has_fired(prometheus: &Prometheus, (alert, label, value): (&str, &str, &str)) -> bool {
    let is_it = |series: &Value| series["metric"]["alertname"] == alert && series["metric"][label] == value;
    fired(prometheus).iter().any(is_it)
}

/// Waits until an hour ago, which is a minute, has a latency to compare with. Nothing may have fired until then.
fn await_calm(prometheus: &Prometheus) {
    let an_hour_ago =
        "link_from_to:netmon_link_latency_seconds:p99_5m{link=\"slow\",from=\"root\"} offset 1m";
    eventually("a latency of an hour ago", PATIENCE, || {
        prometheus.value(an_hour_ago).filter(|seconds| *seconds < 0.05)
    });
    for series in fired(prometheus) {
        let timed = TIMED.iter().find(|(alert, _)| series["metric"]["alertname"] == *alert);
        let Some((alert, cause)) = timed else { panic!("without a fault: {series:#?}") };
        let causes = prometheus.query(cause);
        assert!(!causes.is_empty(), "{alert} fired, but `{cause}` never was: {series:#?}");
        eprintln!("{alert} fired in the calm minute, for `{cause}`: {causes:#?}");
    }
}

#[test]
fn every_alert_fires_when_its_fault_happens_and_none_before() {
    sandbox(|| {
        if let Some(why) = prometheus::missing() {
            return skip(why);
        }
        fs::write(LAB, lab()).unwrap();
        fs::write(CONFIGURATION, configuration(divided_rules(FASTER))).unwrap();
        let arguments =
            ["--attach", "clsact", "--flow-entries", "64", "--buckets", "octave", "--history", "off", LAB];
        let agent = Agent::start(arguments);
        let server = web_server();
        let relay = SlowRelay::start(RELAY, ADDRESS);
        let _pings = [ping("ping_lossy", "lossy"), ping("ping_slow", "slow")];
        let mut repeated = Repeated::prepare();
        let prometheus = Prometheus::start("root", CONFIGURATION);
        await_calm(&prometheus);

        break_everything();
        drop(server);
        relay.delay(Duration::from_millis(700));
        for expected in EXPECTED {
            eventually(expected.0, PATIENCE, || {
                repeated.once();
                has_fired(&prometheus, expected).then_some(())
            });
        }
        let (status, _) = agent.end(Signal::KILL);
        assert!(!status.success());
        let down = ("NetmonAgentDown", "instance", ADDRESS);
        eventually(down.0, PATIENCE, || has_fired(&prometheus, down).then_some(()));
        all_are_expected(&prometheus);
    });
}

/// Makes sure that no alert was added to the rules without a fault here.
fn all_are_expected(prometheus: &Prometheus) {
    let groups = prometheus.api("/api/v1/rules?type=alert")["groups"].as_array().unwrap().clone();
    let mut alerts: Vec<String> = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .map(|rule| rule["name"].as_str().unwrap().to_owned())
        .collect();
    alerts.sort();
    let mut expected: Vec<_> = EXPECTED.iter().map(|(alert, ..)| *alert).chain(["NetmonAgentDown"]).collect();
    expected.sort_unstable();
    assert_eq!(alerts, expected);
}
