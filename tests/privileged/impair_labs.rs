//! The example labs with impairments are impaired as their page says.

use std::{process::Command, time::Duration};

use netmon_tests::{
    agent::{Agent, scrape},
    commands::{fails, succeeds},
    eventually::eventually,
    host::left_behind,
    impaired::dropped_at,
    lab_files::shipped,
    ping::sent_and_received,
    sandbox::{run, sandbox},
    tc::{kernel_has_netem, qdisc},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Echo requests that were answered, according to ping.
fn answered(address: &str, count: &str) -> f64 {
    // ping fails if an answer is missing.
    let ping = Command::new("ping").args(["-q", "-i", "0.002", "-c", count, "-W", "1", address]).output();
    sent_and_received(&String::from_utf8_lossy(&ping.expect("ping is installed").stdout))[1]
}

#[test]
fn the_lab_impaired_answers_nine_in_ten_and_says_why() {
    sandbox(|| {
        let before = left_behind();
        let file = shipped("impaired.toml");
        let agent = Agent::start([&file]);
        run("bash", &["-c", "until ping -q -c 1 -W 1 10.207.0.2; do :; done"]);
        let answered = answered("10.207.0.2", "1000");
        // Five standard deviations.
        assert!((852.0..948.0).contains(&answered), "{answered} of 1000 were answered");
        eventually("the reported loss", PATIENCE, || {
            let metrics = scrape();
            let lost = metrics.sum("netmon_link_lost_packets_total", &[("link", "line"), ("from", "far")]);
            let unstamped = metrics.sum("netmon_unstamped_packets_total", &[("netns", "far")]);
            let dropped = dropped_at("far", "line1", &metrics);
            (lost <= dropped && dropped <= lost + unstamped && lost >= 1000.0 - answered).then_some(())
        });
        assert_eq!(qdisc("root", "line0", "tbf").expect("a token bucket").handle, "6e6d:");
        let shown = succeeds(&["impair", "line"]);
        assert!(shown.contains("10mbit") && shown.contains("10%"), "{shown}");
        drop(agent);
        succeeds(&["down", &file]);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn the_lab_delayed_takes_thirty_milliseconds_or_without_netem_is_refused() {
    sandbox(|| {
        let (file, before) = (shipped("delayed.toml"), left_behind());
        if !kernel_has_netem() {
            let said = fails(3, &["run", &file]);
            assert!(said.contains("a delay on link long: this kernel has no netem"), "{said}");
            assert_eq!(left_behind(), before);
            return;
        }
        let _agent = Agent::start([&file]);
        answered("10.208.0.2", "50");
        let metrics = scrape();
        let mean = |from| {
            let labels = [("link", "long"), ("from", from)];
            metrics.sum("netmon_link_latency_seconds_sum", &labels)
                / metrics.sum("netmon_link_latency_seconds_count", &labels)
        };
        let (there, back) = (mean("root"), mean("away"));
        assert!((0.019..0.025).contains(&there) && (0.010..0.015).contains(&back), "{there} s, {back} s");
    });
}
