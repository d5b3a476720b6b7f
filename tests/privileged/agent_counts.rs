//! Every packet and byte, against the kernel's own counters.
#![expect(clippy::expect_used, reason = "helpers of tests, which may")]

use std::{process::Command, time::Duration};

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    eventually::eventually,
    sandbox::{run, sandbox},
};

/// What the kernel counted on an interface: received packets and bytes, sent packets and bytes.
#[derive(Debug, PartialEq)]
struct Kernel {
    ingress: (f64, f64),
    egress: (f64, f64),
}

impl Kernel {
    fn of(namespace: &str, interface: &str) -> Self {
        let within = if namespace == "root" { vec![] } else { vec!["-n", namespace] };
        let said = run("ip", &[&within[..], &["-s", "-j", "link", "show", interface]].concat());
        let json: serde_json::Value = serde_json::from_str(&said).expect("ip prints JSON");
        let stats = &json[0]["stats64"];
        let of = |way: &str| {
            let number = |what: &str| stats[way][what].as_f64().expect("a count");
            (number("packets"), number("bytes"))
        };
        Self { ingress: of("rx"), egress: of("tx") }
    }
}

fn hook(metrics: &Metrics, namespace: &str, interface: &str, direction: &str) -> (f64, f64) {
    let labels = [("namespace", namespace), ("interface", interface), ("direction", direction)];
    (metrics.sum("netmon_packets_total", &labels), metrics.sum("netmon_bytes_total", &labels))
}

fn netmon(metrics: &Metrics, namespace: &str, interface: &str) -> Kernel {
    let of = |direction| hook(metrics, namespace, interface, direction);
    Kernel { ingress: of("ingress"), egress: of("egress") }
}

/// netmon's and the kernel's counts of both ends, at one moment: IPv6 sends something of its own now and
/// then, so they are read until nothing happened in between.
fn at_rest(ends: &[(&str, &str)]) -> (Metrics, Vec<Kernel>) {
    for _ in 0..200 {
        let before = scrape();
        let kernel: Vec<Kernel> = ends.iter().map(|(ns, interface)| Kernel::of(ns, interface)).collect();
        let after = scrape();
        let ours = |metrics: &Metrics| ends.iter().map(|(n, i)| netmon(metrics, n, i)).collect::<Vec<_>>();
        if ours(&before) == ours(&after) {
            return (after, kernel);
        }
    }
    panic!("the link did not come to rest");
}

fn counts_are_the_kernels(arguments: &[&str]) {
    sandbox(|| {
        let _agent = Agent::start(arguments);
        run("ping", &["-q", "-f", "-c", "2000", "10.200.0.3"]);
        run("curl", &["-sf", "-o", "/dev/null", "http://10.200.0.3/bytes/10485760"]);
        let link_local =
            run("ip", &["-n", "direct_netns", "-6", "-o", "addr", "show", "veth1", "scope", "link"]);
        let address = link_local.split_whitespace().nth(3).and_then(|a| a.split('/').next()).expect("fe80::");
        let address = format!("{address}%veth0");
        eventually("link-local addresses that are nobody else's", Duration::from_secs(20), || {
            let ping = Command::new("ping").args(["-q", "-c", "1", "-W", "1", &address]).output();
            ping.is_ok_and(|ping| ping.status.success()).then_some(())
        });
        run("ping", &["-q", "-c", "5", "-i", "0.01", "-W", "5", &address]);
        let ends = [("root", "veth0"), ("direct_netns", "veth1")];
        let (metrics, kernel) = at_rest(&ends);
        for ((namespace, interface), kernel) in ends.iter().zip(&kernel) {
            assert_eq!(&netmon(&metrics, namespace, interface), kernel, "{interface} in {namespace}");
        }
        for what in ["netmon_segments_total", "netmon_wire_bytes_total"] {
            for (from, to) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                let at = |end: (&str, &str), direction| {
                    metrics.sum(what, &[("namespace", end.0), ("interface", end.1), ("direction", direction)])
                };
                assert_eq!(at(from, "egress"), at(to, "ingress"), "{what} from {} to {}", from.1, to.1);
            }
        }
        assert_eq!(metrics.sum("netmon_link_lost_packets_total", &[]), 0.0);
        for reason in ["unknown_endpoint", "stamp_refused", "stamp_in_future", "receive_time_refused"] {
            assert_eq!(metrics.sum("netmon_parse_exits_total", &[("reason", reason)]), 0.0, "{reason}");
        }
    });
}

#[test]
fn packets_and_bytes_are_the_kernels_to_the_last_one() {
    counts_are_the_kernels(&[]);
}

#[test]
fn packets_and_bytes_are_the_kernels_with_clsact_too() {
    counts_are_the_kernels(&["--attach", "clsact"]);
}

#[test]
fn interfaces_of_one_number_in_two_namespaces_are_counted_apart() {
    sandbox(|| {
        let lab = "/run/twins.toml";
        std::fs::write(
            lab,
            "namespace = [{ name = \"left\" }, { name = \"right\" }, { name = \"hub\" }]\n[[link]]\n\
             a = { namespace = \"hub\", interface = \"hub0\", addresses = [\"10.201.0.1/24\"] }\n\
             b = { namespace = \"left\", interface = \"twin\", addresses = [\"10.201.0.2/24\"] }\n[[link]]\n\
             a = { namespace = \"hub\", interface = \"hub1\", addresses = [\"10.202.0.1/24\"] }\n\
             b = { namespace = \"right\", interface = \"twin\", addresses = [\"10.202.0.2/24\"] }\n",
        )
        .expect("a lab file");
        let _agent = Agent::start([lab]);
        let index = |namespace: &str| {
            let said = run("ip", &["-n", namespace, "-j", "link", "show", "twin"]);
            let json: serde_json::Value = serde_json::from_str(&said).expect("ip prints JSON");
            json[0]["ifindex"].as_u64()
        };
        assert_eq!(index("left"), index("right"), "the point of this test");
        run("ip", &["netns", "exec", "hub", "ping", "-q", "-c", "5", "-i", "0.01", "10.201.0.2"]);
        run("ip", &["netns", "exec", "hub", "ping", "-q", "-c", "9", "-i", "0.01", "10.202.0.2"]);
        let metrics = scrape();
        for (namespace, pings) in [("left", 5.0), ("right", 9.0)] {
            let labels = [("namespace", namespace), ("interface", "twin"), ("protocol", "icmp")];
            assert_eq!(metrics.sum("netmon_packets_total", &labels), 2.0 * pings, "{namespace}");
        }
    });
}
