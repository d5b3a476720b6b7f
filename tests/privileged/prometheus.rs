//! A real Prometheus scrapes a real lab with the configuration in this repository, and has the counts of known traffic.

use std::{fs, process::Command, time::Duration};

use netmon_tests::{
    agent::Agent,
    binary::netmon,
    commands::succeeds,
    curl::page,
    eventually::eventually,
    running::Running,
    sandbox::{run, sandbox},
    skip::skip,
};
use rustix::process::Signal;
use serde_json::Value;

const LAB: &str = "/run/sandbox/scraped.toml";
const AGENT: &str = "http://127.0.0.1:9477";
const PROMETHEUS: &str = "http://127.0.0.1:9090";
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards/prometheus.yml");
const PATIENCE: Duration = Duration::from_secs(20);

/// A probe. It stays inside its namespace, so it does not change the counts of the link.
const PROBE: &str = "[[probe]]\nfrom = \"scraped_netns\"\ntcp = \"10.200.0.3:80\"\n";

/// Starts an agent of the built-in lab, under names of its own so that it shares nothing with other tests, and of a
/// probe.
fn start_agent() -> Agent {
    let direct = include_str!("../../labs/direct.toml").replace("\"direct", "\"scraped");
    fs::write(LAB, format!("{direct}\n{PROBE}")).unwrap();
    Agent::start([LAB])
}

/// Ends the agent with SIGINT, as Ctrl-C does.
fn interrupt(agent: Agent) {
    let (status, _) = agent.end(Signal::INT);
    assert!(status.success(), "{status}");
}

/// The series that a query returns now.
fn query(expression: &str) -> Vec<Value> {
    let argument = format!("query={expression}");
    let text = run("curl", &["-sG", "--data-urlencode", &argument, &format!("{PROMETHEUS}/api/v1/query")]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["status"], "success", "{expression}: {text}");
    answer["data"]["result"].as_array().unwrap().clone()
}

/// The value of a query that returns one series.
fn value(expression: &str) -> Option<f64> {
    query(expression).first()?["value"][1].as_str()?.parse().ok()
}

#[test]
fn promtool_has_nothing_to_say_about_a_real_scrape() {
    sandbox(|| {
        let agent = start_agent();
        run("ping", &["-q", "-c", "3", "-i", "0.02", "10.200.0.3"]);
        page("http://10.200.0.3/").unwrap();
        fs::write("/run/sandbox/scrape", page(&format!("{AGENT}/metrics")).unwrap()).unwrap();
        if Command::new("promtool").arg("--version").output().is_err() {
            return skip("promtool (package prometheus) is not installed");
        }
        let said = run("sh", &["-c", "promtool check metrics </run/sandbox/scrape 2>&1"]);
        assert_eq!(said, "");
        interrupt(agent);
    });
}

/// Debian's, which finds Debian's libraries.
const PYTHON: &str = "/usr/bin/python3";
/// A reader of OpenMetrics that insists on every rule. It prints the number of samples.
const STRICT_READER: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
print(sum(len(family.samples) for family in families(open(sys.argv[1]).read())))
";

#[test]
fn a_strict_reader_of_openmetrics_has_nothing_to_say() {
    sandbox(|| {
        if !Command::new(PYTHON)
            .args(["-c", "import prometheus_client"])
            .status()
            .is_ok_and(|it| it.success())
        {
            return skip("python3-prometheus-client is not installed");
        }
        let agent = start_agent();
        run("ping", &["-q", "-c", "3", "-i", "0.02", "10.200.0.3"]);
        page("http://10.200.0.3/").unwrap();
        let accept = "Accept: application/openmetrics-text; version=1.0.0";
        let scrape = run("curl", &["-sS", "-H", accept, &format!("{AGENT}/metrics")]);
        fs::write("/run/sandbox/openmetrics", &scrape).unwrap();
        let read = run(PYTHON, &["-c", STRICT_READER, "/run/sandbox/openmetrics"]);
        let samples = scrape.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(read.trim(), samples.to_string());
        interrupt(agent);
    });
}

#[test]
fn a_real_prometheus_scrapes_the_lab_and_has_its_exact_counts() {
    sandbox(|| {
        if Command::new("prometheus").arg("--version").output().is_err() {
            return skip("prometheus is not installed");
        }
        let agent = start_agent();
        let config = format!("--config.file={CONFIG}");
        let listen = "--web.listen-address=127.0.0.1:9090";
        let storage = "--storage.tsdb.path=/run/sandbox/prometheus";
        let _prometheus = Running::start("prometheus", "prometheus", &[&config, listen, storage]).unwrap();
        let scraped = || page(&format!("{PROMETHEUS}/-/ready")).and_then(|_| value("up{job=\"netmon\"}"));
        eventually("a first scrape", PATIENCE, || scraped().filter(|&up| up > 0.0));

        // Prometheus asks for OpenMetrics, where the family of a counter has no suffix.
        let metadata = page(&format!("{PROMETHEUS}/api/v1/metadata?metric=netmon_packets")).unwrap();
        assert!(metadata.contains("\"type\":\"counter\""), "{metadata}");

        // A rate needs two scrapes, one before the traffic and one after it.
        run("ping", &["-q", "-c", "30", "-i", "0.02", "10.200.0.3"]);
        for _ in 0..5 {
            page("http://10.200.0.3/").unwrap();
        }
        let count = |metric: &str| value(&format!("{metric}_count{{interface=\"veth0\"}}"));
        eventually("30 round trips in Prometheus", PATIENCE, || {
            count("netmon_icmp_rtt_seconds").filter(|&n| n == 30.0)
        });
        eventually("5 responses", PATIENCE, || count("netmon_tcp_response_seconds").filter(|&n| n == 5.0));

        for metric in
            ["netmon_icmp_rtt_seconds", "netmon_tcp_response_seconds", "netmon_link_latency_seconds"]
        {
            let median = format!("histogram_quantile(0.5, sum by (le) (rate({metric}_bucket[30s])))");
            let seconds =
                eventually(&median, PATIENCE, || value(&median).filter(|seconds| !seconds.is_nan()));
            assert!(seconds > 256e-9 && seconds < 1.0, "{metric}: {seconds} s");
        }
        interrupt(agent);
    });
}

#[test]
fn the_width_of_buckets_is_what_the_agent_was_started_with() {
    sandbox(|| {
        let buckets = |arguments: &[&str]| {
            let agent = Agent::start(arguments);
            let text = page(&format!("{AGENT}/metrics")).unwrap();
            interrupt(agent);
            let of_one = |line: &&str| {
                line.starts_with("netmon_icmp_rtt_seconds_bucket{") && line.contains("interface=\"veth0\"")
            };
            text.lines().filter(of_one).count()
        };
        assert_eq!(buckets(&[]), 54);
        assert_eq!(buckets(&["--buckets", "octave"]), 28);
    });
}

#[test]
fn status_shows_what_a_scrape_shows_and_says_when_no_agent_runs() {
    sandbox(|| {
        let agent = start_agent();
        run("ping", &["-q", "-c", "20", "-i", "0.02", "10.200.0.3"]);
        let status =
            |arguments: &[&str]| Command::new(netmon()).arg("status").args(arguments).output().unwrap();
        let named = ["scraped", LAB].map(|lab| status(&[lab, "-o", "json"]));
        for output in named.iter().chain([&status(&["-o", "json"])]) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let links: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(links["lab"]["name"], "scraped");
            assert_eq!(links["links"][0]["a"]["round_trips"]["icmp"]["count"], 20);
            assert_eq!(links["links"][0]["a"]["egress"]["protocols"]["icmp"]["packets"], 20);
        }
        let table = String::from_utf8(status(&[]).stdout).unwrap();
        assert!(table.contains("root:veth0") && table.contains("ICMP echo"), "{table}");
        assert!(!table.contains('\u{1b}'), "styles without a terminal: {table:?}");
        interrupt(agent);
        let output = status(&[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("netmon run"));

        succeeds(&["up", LAB]);
        let output = status(&[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        succeeds(&["down", LAB]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("lab scraped is up, but nothing measures it"), "{said}");
    });
}
