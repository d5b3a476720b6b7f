//! Probes of real peers: their results are right, and the hooks count the packets that they send.

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::succeeds,
    dns,
    eventually::eventually,
    host::left_behind,
    sandbox::{run, sandbox},
};
use rustix::process::Signal;
use serde_json::Value;

const FILE: &str = "/run/sandbox/probed.toml";
const PATIENCE: Duration = Duration::from_secs(20);

const PAIR: &str = r#"
[[namespace]]
name = "near"
[[namespace]]
name = "far"
[[link]]
name = "cable"
a = { namespace = "near", interface = "eth0", addresses = ["10.41.0.1/24", "fd00:41::1/64"] }
b = { namespace = "far", interface = "eth0", addresses = ["10.41.0.2/24", "fd00:41::2/64"] }
"#;

const WEB: &str = "[[service]]\nnamespace = \"far\"\nhttp = \"10.41.0.2:80\"\n";

fn probe(keys: &str) -> String {
    format!("[[probe]]\nfrom = \"near\"\n{keys}\n")
}

fn write(parts: &[&str]) {
    fs::write(FILE, parts.concat()).expect("a tmpfs");
}

/// Runs `open` in a namespace. What it opens stays there, and is used from here.
fn inside<T: Send>(namespace: &str, open: impl FnOnce() -> T + Send) -> T {
    let name = namespace.parse().expect("a name");
    NetNs::open(&name).expect("the lab is up").run(open).expect("a thread")
}

/// The first probe of a kind, as the API shows it.
fn probe_of(kind: &str) -> Value {
    let text = run("curl", &["-sf", "-m", "10", "http://127.0.0.1:9477/api/v1/probes"]);
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let probes = all["probes"].as_array().expect("a list");
    probes.iter().find(|probe| probe["kind"] == kind).expect("it is in the lab").clone()
}

fn succeeded(metrics: &Metrics, kind: &str) -> f64 {
    metrics.sum("netmon_probe_duration_seconds_count", &[("kind", kind)])
}

#[test]
fn every_kind_of_probe_succeeds_and_the_hooks_count_its_packets() {
    sandbox(|| {
        let probes = [
            "icmp = \"10.41.0.2\"",
            "tcp = \"10.41.0.2:81\"",
            "dns = \"10.41.0.2:53\"\nquery = \"there.test\"\ntype = \"AAAA\"",
            "name = \"absent\"\ndns = \"10.41.0.2:53\"\nquery = \"absent.test\"",
            "icmp = \"fd00:41::2\"",
        ]
        .map(|keys| probe(&format!("{keys}\ninterval = \"100ms\"")))
        .concat();
        let page = probe("http = \"http://10.41.0.2/\"\ninterval = \"100ms\"\nstatus = 200");
        write(&[PAIR, WEB, &probes, &page]);
        let agent = Agent::start([FILE]);
        let listener = inside("far", || TcpListener::bind("10.41.0.2:81")).expect("a free port");
        thread::spawn(move || listener.incoming().for_each(drop));
        let socket = inside("far", || UdpSocket::bind("10.41.0.2:53")).expect("a free port");
        thread::spawn(move || dns::serve(&socket));
        eventually("ten of each", PATIENCE, || {
            let now = scrape();
            ["icmp", "tcp", "dns", "http"].iter().all(|kind| succeeded(&now, kind) >= 10.0).then_some(())
        });
        // The hooks saw by the second reading what had succeeded by the first. And by the first reading they had seen
        // no more than had succeeded by the second, except for two attempts of each kind that may be in flight.
        let (first, second) = (scrape(), scrape());
        let near = [("netns", "near")];
        let close = |what: &str, probed: &dyn Fn(&Metrics) -> f64, name: &str, labels: &[(&str, &str)]| {
            let seen = |metrics: &Metrics| metrics.sum(name, labels);
            let (early, late) = (seen(&first), seen(&second));
            assert!(probed(&first) <= late, "{what}: {} succeeded, then {late} were seen", probed(&first));
            assert!(
                early <= probed(&second) + 2.0,
                "{what}: {early} seen, then {} succeeded",
                probed(&second)
            );
        };
        close("echoes", &|of| succeeded(of, "icmp"), "netmon_icmp_rtt_seconds_count", &near);
        let connected = |of: &Metrics| succeeded(of, "tcp") + succeeded(of, "http");
        close("connections", &connected, "netmon_tcp_handshake_seconds_count", &near);
        let answers = [("netns", "near"), ("rcode", "noerror")];
        close("answers", &|of| succeeded(of, "dns"), "netmon_dns_responses_total", &answers);
        // NXDOMAIN is no success of the probe, but the server works.
        let absent = eventually("a verdict", PATIENCE, || {
            let now = scrape();
            (now.count("netmon_probe_success", &[("target", "absent")]) == 1).then_some(now)
        });
        assert_eq!(absent.sum("netmon_probe_success", &[("target", "absent")]), 0.0);
        assert_eq!(absent.sum("netmon_probe_success", &[("kind", "http")]), 1.0);
        let status = succeeds(&["status"]);
        assert!(status.contains("NXDOMAIN") && status.contains("http://10.41.0.2/"), "{status}");
        let json = succeeds(&["status", "-o", "json"]);
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["probes"].as_array().map(Vec::len), Some(6));
        drop(agent);
    });
}

#[test]
fn a_server_that_goes_away_or_returns_is_noticed_at_the_next_attempt() {
    sandbox(|| {
        write(&[PAIR, &probe("tcp = \"10.41.0.2:81\"\ninterval = \"250ms\"")]);
        let _agent = Agent::start([FILE]);
        let up = |wanted: bool| {
            let begun = Instant::now();
            eventually("the server", PATIENCE, || (probe_of("tcp")["success"] == wanted).then_some(()));
            begun.elapsed()
        };
        let listen = || inside("far", || TcpListener::bind("10.41.0.2:81")).expect("a free port");
        let first = listen();
        up(true);
        let failures = probe_of("tcp")["failures"].clone();
        assert_eq!(failures, 0, "failures before the first success do not count");
        drop(first);
        let noticed = up(false);
        // One interval, and the time that a busy machine needs for a request.
        assert!(noticed < Duration::from_millis(250) + Duration::from_secs(1), "{noticed:?}");
        let probe = probe_of("tcp");
        assert!(probe["error"].as_str().is_some_and(|error| error.contains("refused")), "{probe}");
        let _second = listen();
        up(true);
        let metrics = scrape();
        assert!(metrics.sum("netmon_probe_failures_total", &[("from", "near"), ("kind", "tcp")]) >= 1.0);
    });
}

#[test]
fn durations_are_what_the_server_takes_and_a_timeout_ends_an_attempt() {
    sandbox(|| {
        let late = "name = \"late\"\nhttp = \"http://10.41.0.2/delay/60000\"\ninterval = \"200ms\"\ntimeout = \"100ms\"";
        let slow = "name = \"slow\"\nhttp = \"http://10.41.0.2/delay/50\"\ninterval = \"200ms\"";
        write(&[PAIR, WEB, &probe(slow), &probe(late)]);
        let _agent = Agent::start([FILE]);
        let slow = eventually("twenty answers", PATIENCE, || {
            let slow = probe_of("http");
            (slow["duration"]["count"].as_u64() >= Some(20)).then_some(slow)
        });
        let p50 = slow["duration"]["p50_ns"].as_u64().expect("a median");
        assert!((45_000_000..100_000_000).contains(&p50), "{slow}");
        assert!(
            slow["duration"]["sum_ns"].as_u64() >= slow["duration"]["count"].as_u64().map(|n| n * 50_000_000)
        );
        let late = |metrics: &Metrics| metrics.sum("netmon_probe_failures_total", &[("target", "late")]);
        eventually("three timeouts", PATIENCE, || (late(&scrape()) >= 3.0).then_some(()));
        let (before, begun) = (late(&scrape()), Instant::now());
        eventually("more of them", PATIENCE, || (late(&scrape()) >= before + 5.0).then_some(()));
        // One attempt per interval: they do not pile up.
        let most = begun.elapsed().as_secs_f64() / 0.2 + 2.0;
        assert!(late(&scrape()) - before <= most + 2.0, "{before} and {} later", late(&scrape()));
        let status = succeeds(&["status"]);
        assert!(status.contains("no answer within 100ms"), "{status}");
    });
}

#[test]
fn probes_come_and_go_with_a_reload_and_those_that_stay_count_on() {
    sandbox(|| {
        let before = left_behind();
        let fast = |keys: &str| probe(&format!("{keys}\ninterval = \"100ms\""));
        let (stays, goes) = (fast("icmp = \"10.41.0.2\""), fast("tcp = \"10.41.0.2:80\""));
        write(&[PAIR, WEB, &stays, &goes]);
        let agent = Agent::start([FILE]);
        let before_change = eventually("some of both", PATIENCE, || {
            let now = scrape();
            (succeeded(&now, "icmp") >= 5.0 && succeeded(&now, "tcp") >= 5.0).then_some(now)
        });
        let other = "[[namespace]]\nname = \"other\"\n[[link]]\nname = \"new\"\n\
                     a = { namespace = \"other\", interface = \"eth0\", addresses = [\"10.41.1.1/24\"] }\n\
                     b = { namespace = \"far\", interface = \"eth1\", addresses = [\"10.41.1.2/24\"] }\n\
                     [[probe]]\nfrom = \"other\"\nicmp = \"10.41.1.2\"\ninterval = \"100ms\"\n";
        write(&[PAIR, WEB, &stays, other]);
        succeeds(&["reload", FILE]);
        let after = scrape();
        let near = [("from", "near"), ("kind", "icmp")];
        let counted = |metrics: &Metrics| metrics.sum("netmon_probe_duration_seconds_count", &near);
        assert!(counted(&after) >= counted(&before_change), "it continued");
        for name in
            ["netmon_probe_success", "netmon_probe_duration_seconds_count", "netmon_probe_failures_total"]
        {
            assert_eq!(after.count(name, &[("kind", "tcp")]), 0, "{name} of the one that went");
        }
        eventually("the new one", PATIENCE, || {
            (scrape().sum("netmon_probe_success", &[("from", "other")]) == 1.0).then_some(())
        });
        // A namespace that is removed is not held by a probe in it.
        write(&[PAIR, WEB, &stays]);
        succeeds(&["reload", FILE]);
        assert_eq!(scrape().count("netmon_probe_success", &[("from", "other")]), 0);
        let far = run("ip", &["-n", "far", "-o", "link"]);
        assert!(!far.contains("eth1"), "{far}");
        assert_eq!(scrape().sum("netmon_probe_failures_total", &[]), 0.0);
        let (status, _) = agent.end(Signal::TERM);
        assert!(status.success());
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_thousand_probes_take_a_socket_each_and_no_thread() {
    sandbox(|| {
        let kinds = [
            "icmp = \"10.41.0.2\"",
            "tcp = \"10.41.0.2:80\"",
            "http = \"http://10.41.0.2/\"",
            "icmp = \"fd00:41::2\"",
        ];
        let probes: String = (0..1000)
            .map(|number| probe(&format!("name = \"n{number}\"\n{}\ninterval = \"10s\"", kinds[number % 4])))
            .collect();
        write(&[PAIR, WEB]);
        let agent = Agent::start([FILE]);
        let threads =
            || fs::read_dir(format!("/proc/{}/task", agent.pid().as_raw_nonzero())).expect("it runs").count();
        let files =
            || fs::read_dir(format!("/proc/{}/fd", agent.pid().as_raw_nonzero())).expect("it runs").count();
        let without = (threads(), files());
        write(&[PAIR, WEB, &probes]);
        succeeds(&["reload", FILE]);
        let up = || scrape().sum("netmon_probe_success", &[]);
        eventually("all of them", PATIENCE, || (up() == 1000.0).then_some(()));
        // One thread opens sockets. Tokio's threads for blocking work come and go with scrapes.
        assert!(threads() <= without.0 + 8, "{} threads, {} without probes", threads(), without.0);
        // The lab's own server accepts those over TCP, which are half of them.
        assert!(files() <= without.1 + 1600, "{} descriptors, {} without probes", files(), without.1);
        let (status, took) = agent.end(Signal::TERM);
        assert!(status.success() && took < Duration::from_secs(10), "{status:?} {took:?}");
    });
}
