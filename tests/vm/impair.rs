//! Impairments that need netem are imposed, read back from the kernel, changed and removed; delayed packets are not
//! lost.

use std::time::Duration;

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::succeeds,
    eventually::eventually,
    impaired::{FILE, send, set_neighbours, write},
    sandbox::{run, sandbox},
    tc::qdiscs,
};

const PATIENCE: Duration = Duration::from_secs(60);
const UP: [(&str, &str); 2] = [("link", "line"), ("from", "root")];
const NOTHING_TO_DO: &str = "lab bad: nothing to do\n";

/// One-way latencies from root: their number, how many are below 16.8 ms, and their sum in seconds.
fn latencies(metrics: &Metrics) -> [f64; 3] {
    let below = [&UP[..], &[("le", "0.016777216")]].concat();
    [
        metrics.sum("netmon_link_latency_seconds_count", &UP),
        metrics.sum("netmon_link_latency_seconds_bucket", &below),
        metrics.sum("netmon_link_latency_seconds_sum", &UP),
    ]
}

#[test]
fn delay_jitter_and_rate_are_netem_above_a_token_bucket_and_can_be_changed() {
    sandbox(|| {
        write("delay = \"20ms\", jitter = \"2ms\", rate = \"10mbit\"");
        succeeds(&["up", FILE]);
        let there = qdiscs("root", "up0");
        assert!(there.contains("netem 6e6d: root") && there.contains("delay 20ms  2ms"), "{there}");
        assert!(there.contains("tbf 6e6e: parent 6e6d:1 rate 10Mbit"), "{there}");
        assert_eq!(succeeds(&["plan", FILE]), NOTHING_TO_DO, "the kernel shows what was declared");
        let _agent = Agent::start([FILE]);
        run("ping", &["-q", "-c", "20", "-i", "0.05", "-W", "5", "10.33.0.2"]);
        let [count, below, sum] = latencies(&scrape());
        println!("20 ms +- 2 ms: {count} packets, mean {:.6} s", sum / count);
        assert!(count >= 20.0 && below == 0.0 && sum / count >= 0.019, "{count} {below} {sum}");
        let shown = succeeds(&["impair", "line"]);
        assert!(shown.contains("20ms +- 2ms") && shown.contains("10mbit"), "{shown}");

        succeeds(&["impair", "line", "--from", "root", "--delay", "5ms", "--jitter", "0ms"]);
        let there = qdiscs("root", "up0");
        assert!(there.contains("delay 5ms") && there.contains("tbf 6e6e: parent 6e6d:1"), "{there}");
        let before = latencies(&scrape());
        run("ping", &["-q", "-c", "20", "-i", "0.05", "-W", "5", "10.33.0.2"]);
        let after = latencies(&scrape());
        let mean = (after[2] - before[2]) / (after[0] - before[0]);
        println!("5 ms: mean {mean:.6} s");
        assert!(mean >= 0.005 && after[1] > before[1], "{mean}");
        assert!(succeeds(&["plan", FILE]).contains("impair delay 20ms, jitter 2ms, rate 10mbit"));
        succeeds(&["reload", FILE]);
        assert_eq!(succeeds(&["plan", FILE]), NOTHING_TO_DO);

        write("rate = \"10mbit\"");
        succeeds(&["reload", FILE]);
        let there = qdiscs("root", "up0");
        assert!(there.contains("tbf 6e6d: root") && !there.contains("netem"), "{there}");
        assert_eq!(succeeds(&["plan", FILE]), NOTHING_TO_DO);
        succeeds(&["impair", "line", "--clear"]);
        assert!(!qdiscs("root", "up0").contains("6e6d:"));
    });
}

#[test]
fn packets_held_for_a_second_from_the_first_on_are_late_and_not_lost() {
    sandbox(|| {
        write("delay = \"1s\"");
        let _agent = Agent::start([FILE]);
        set_neighbours();
        send(50);
        // Each reading of the maps closes the epochs that are due.
        eventually("all to arrive", PATIENCE, || {
            let metrics = scrape();
            assert_eq!(metrics.sum("netmon_link_lost_packets_total", &UP), 0.0);
            let arrived = [("netns", "far"), ("direction", "ingress"), ("protocol", "udp")];
            (metrics.sum("netmon_packets_total", &arrived) == 50.0).then_some(())
        });
        let [count, below, sum] = latencies(&scrape());
        println!("1 s: {count} packets, mean {:.6} s", sum / count);
        assert!(below == 0.0 && sum / count >= 1.0, "{count} {below} {sum}");
    });
}

#[test]
fn a_loss_and_a_delay_are_each_reported_as_what_they_are() {
    sandbox(|| {
        write("delay = \"50ms\", loss = \"20%\"");
        let _agent = Agent::start([FILE]);
        set_neighbours();
        send(500);
        let reason = [("netns", "root"), ("interface", "up0"), ("reason", "NETMON_LOSS")];
        let lost = eventually("the reported loss", PATIENCE, || {
            let metrics = scrape();
            let arrived = [("netns", "far"), ("direction", "ingress"), ("protocol", "udp")];
            let [lost, arrived] = [
                metrics.sum("netmon_link_lost_packets_total", &UP),
                metrics.sum("netmon_packets_total", &arrived),
            ];
            // IPv6 may have sent packets of its own, and lost some of them.
            (lost == metrics.sum("netmon_drops_total", &reason) && lost + arrived >= 500.0).then_some(lost)
        });
        println!("20 %: {lost} of 500");
        // Five standard deviations.
        assert!((55.0..150.0).contains(&lost), "{lost} of 500 were lost");
        let [count, _, sum] = latencies(&scrape());
        assert!(sum / count >= 0.05, "{count} {sum}");
    });
}
