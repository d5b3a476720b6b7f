//! Values derived from the counters, across kills: losses, ledgers, and what a scraper sees.

use std::{
    collections::BTreeMap,
    net::UdpSocket,
    process::Stdio,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::{Agent, scrape, spawn},
    commands::succeeds,
    direct::await_carriers,
    eventually::{eventually, pause},
    kill::ends_within,
    packets::dns_query,
    persisted::{Flood, counters, metrics_text, with_pins},
    sandbox::{run, run_in},
    tc::qdisc,
};
use rustix::process::{Pid, Signal};

const PATIENCE: Duration = Duration::from_secs(30);
const ROOT: (&str, &str) = ("root", "10.200.0.2");
const INSIDE: (&str, &str) = ("direct_netns", "10.200.0.3");
/// How often the agent is killed while a scraper watches.
const KILLS: u64 = 24;

fn dropped_by_qdisc() -> f64 {
    qdisc("root", "veth0", "tbf").unwrap().drops as f64
}

fn await_loss_of(lost: f64) {
    eventually("the loss", PATIENCE, || {
        let now = scrape().sum("netmon_link_lost_packets_total", &[("from", "root")]);
        assert!(now <= lost, "{now} of {lost}");
        (now == lost).then_some(())
    });
}

/// Waits until all ledgers are open, the difference is zero, and what the qdisc dropped is explained.
fn await_audit_with(dropped: f64) {
    eventually("the audit", PATIENCE, || {
        let metrics = scrape();
        let explained = metrics.sum("netmon_audit_explained_packets", &[("cause", "qdisc_drops")]);
        let open = metrics.count("netmon_audit_difference_packets", &[]) == 4;
        let difference = metrics.sum("netmon_audit_difference_packets", &[]);
        (open && difference == 0.0 && explained == dropped).then_some(())
    });
}

#[test]
fn what_a_queue_dropped_is_lost_once_and_explained_also_after_kills() {
    with_pins(|| {
        let mut agent = Agent::start(["--persist"]);
        await_audit_with(0.0);
        run(
            "tc",
            &[
                "qdisc", "add", "dev", "veth0", "root", "tbf", "rate", "100kbit", "burst", "2kb", "limit",
                "4kb",
            ],
        );
        let flood = Flood::start(ROOT, INSIDE);
        eventually("drops", PATIENCE, || (dropped_by_qdisc() > 200.0).then_some(()));
        let _ = flood.end();
        let dropped = dropped_by_qdisc();
        await_loss_of(dropped);
        await_audit_with(dropped);
        for round in 0..3 {
            agent.end(Signal::KILL);
            agent = Agent::start(["--persist"]);
            // Immediately: a scrape that comes now must not show less.
            let now = scrape().sum("netmon_link_lost_packets_total", &[("from", "root")]);
            assert_eq!(now, dropped, "after kill {round}");
            await_audit_with(dropped);
            if round == 0 {
                // From here on only netmon knows of the drops.
                run("tc", &["qdisc", "del", "dev", "veth0", "root"]);
                await_audit_with(dropped);
            }
        }
    });
}

#[test]
fn unanswered_pings_and_queries_are_not_forgotten() {
    with_pins(|| {
        let agent = Agent::start(["--persist"]);
        run_in("direct_netns", "sysctl", &["-qw", "net.ipv4.icmp_echo_ignore_all=1"]);
        let ping = std::process::Command::new("ping")
            .args(["-q", "-c", "9", "-i", "0.01", "-W", "1", "10.200.0.3"])
            .output();
        assert!(!ping.unwrap().status.success());
        // No server listens there.
        let client = UdpSocket::bind("10.200.0.2:0").unwrap();
        for id in 0..4 {
            client.send_to(&dns_query(id), "10.200.0.3:53").unwrap();
        }
        let unanswered = || {
            let metrics = scrape();
            ["icmp", "dns"]
                .map(|kind| metrics.sum(&format!("netmon_{kind}_unanswered_total"), &[("netns", "root")]))
        };
        eventually("unanswered requests", PATIENCE, || (unanswered() == [9.0, 4.0]).then_some(()));
        agent.end(Signal::KILL);
        let _agent = Agent::start(["--persist"]);
        assert_eq!(unanswered(), [9.0, 4.0]);
    });
}

/// Stops the scraper also when the test fails: the scope waits for it.
struct StopsAtEnd<'s>(&'s AtomicBool);

impl Drop for StopsAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Scrapes until `stop` is set, and asserts that no counter decreases.
fn scrape_until(stop: &AtomicBool, scrapes: &AtomicUsize) {
    let mut highest: BTreeMap<String, f64> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let Some(text) = metrics_text() else {
            pause();
            continue;
        };
        scrapes.fetch_add(1, Ordering::Relaxed);
        for (series, value) in counters(&text) {
            let before = highest.entry(series.clone()).or_default();
            assert!(value >= *before, "{series} went from {before} back to {value}");
            *before = value;
        }
    }
}

#[test]
fn a_scraper_sees_no_counter_go_back_however_the_agent_is_killed() {
    with_pins(|| {
        succeeds(&["up", "--persist"]);
        await_carriers();
        run(
            "tc",
            &["qdisc", "add", "dev", "veth0", "root", "tbf", "rate", "2mbit", "burst", "2kb", "limit", "4kb"],
        );
        let (out, back) = (Flood::start(ROOT, INSIDE), Flood::start(INSIDE, ROOT));
        let (stop, scrapes) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let watcher = scope.spawn(|| scrape_until(&stop, &scrapes));
            let _stops = StopsAtEnd(&stop);
            let await_scrapes = |more: usize| {
                let seen = scrapes.load(Ordering::Relaxed);
                eventually("scrapes", PATIENCE, || {
                    (scrapes.load(Ordering::Relaxed) >= seen + more || watcher.is_finished()).then_some(())
                });
            };
            let mut until_served = Duration::ZERO;
            for kill in 0..KILLS {
                let begun = Instant::now();
                let mut agent = spawn([""; 0], Stdio::null());
                if kill % 2 == 0 {
                    // Between two answers of the agent, or during one.
                    await_scrapes(1 + usize::try_from(kill % 3).unwrap());
                    until_served = begun.elapsed();
                } else {
                    // Somewhere before the agent serves.
                    let moment = until_served * u32::try_from(kill).unwrap() / u32::try_from(KILLS).unwrap();
                    assert!(!ends_within(Pid::from_child(&agent), moment), "the agent ended by itself");
                }
                agent.kill().unwrap();
                agent.wait().unwrap();
            }
            let _agent = Agent::start([""; 0]);
            await_scrapes(2);
            stop.store(true, Ordering::Relaxed);
            watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let sent = (out.end() as f64, back.end() as f64);
            let udp = |namespace, direction| {
                let labels = [("netns", namespace), ("direction", direction), ("protocol", "udp")];
                scrape().sum("netmon_packets_total", &labels)
            };
            assert_eq!((udp("root", "egress"), udp("direct_netns", "egress")), sent);
            assert_eq!(udp("root", "ingress"), sent.1);
        });
    });
}
