//! The labs that ask a question show its answer, as their pages in docs/labs say.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::succeeds,
    eventually::eventually,
    lab_files::shipped,
    sandbox::{run_in, sandbox},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A download inside a namespace, in the background, which curl ends after some seconds.
struct Download(Child);

impl Download {
    fn start(namespace: &str, url: &str) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, "curl", "-s", "-m", "8", "-o", "/dev/null", url]);
        Self(command.stdin(Stdio::null()).spawn().expect("curl is installed"))
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The mean one-way latency of a direction since the agent began, s.
fn mean_latency(metrics: &Metrics, link: &str, from: &str) -> f64 {
    let of =
        |part| metrics.sum(&format!("netmon_link_latency_seconds_{part}"), &[("link", link), ("from", from)]);
    of("sum") / of("count")
}

#[test]
fn bufferbloat_is_seen_in_the_direction_of_the_queue_alone() {
    sandbox(|| {
        let _agent = Agent::start([shipped("bufferbloat.toml")]);
        let _download = Download::start("home", "http://10.212.0.1/bytes/2000000");
        let (there, back) = eventually("a full queue", PATIENCE, || {
            let metrics = scrape();
            let [there, back] = ["home", "provider"].map(|from| mean_latency(&metrics, "line", from));
            (back > 0.05).then_some((there, back))
        });
        assert!(there < back / 10.0, "{there} s there, {back} s back");
    });
}

#[test]
fn an_asymmetric_way_is_counted_on_one_link_there_and_on_the_other_back() {
    sandbox(|| {
        let _agent = Agent::start([shipped("asymmetric.toml")]);
        run_in("west-host", "ping", &["-q", "-c", "20", "-i", "0.01", "-W", "2", "10.213.20.1"]);
        let sent = |metrics: &Metrics, link, netns| {
            let labels = [("link", link), ("netns", netns), ("direction", "egress"), ("protocol", "icmp")];
            metrics.sum("netmon_packets_total", &labels)
        };
        eventually("all echoes on their ways", PATIENCE, || {
            let metrics = scrape();
            let ways = [("upper", "west"), ("upper", "east"), ("lower", "west"), ("lower", "east")];
            (ways.map(|(link, netns)| sent(&metrics, link, netns)) == [20.0, 0.0, 0.0, 20.0]).then_some(())
        });
        assert_eq!(scrape().sum("netmon_icmp_unanswered_total", &[]), 0.0);
    });
}

#[test]
fn a_black_hole_is_named_by_the_kernels_reason_at_the_router() {
    sandbox(|| {
        let _agent = Agent::start([shipped("mtu.toml")]);
        eventually("the firewall", PATIENCE, || {
            run_in("core", "nft", &["list", "tables"]).contains("hole").then_some(())
        });
        let _download = Download::start("client", "http://10.214.2.2/bytes/100000");
        eventually("the drops of the router", PATIENCE, || {
            let metrics = scrape();
            let labels = [("netns", "core"), ("interface", "service"), ("reason", "PKT_TOO_BIG")];
            let again = [("netns", "core"), ("interface", "service"), ("direction", "ingress")];
            (metrics.sum("netmon_drops_total", &labels) > 0.0
                && metrics.sum("netmon_tcp_retransmits_total", &again) > 0.0)
                .then_some(())
        });
        assert_eq!(scrape().sum("netmon_link_lost_packets_total", &[]), 0.0);
        let shown = succeeds(&["status"]);
        assert!(shown.contains("PKT_TOO_BIG"), "{shown}");
    });
}
