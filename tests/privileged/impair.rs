//! A declared loss: what the program drops is what netmon calls lost, to the packet, in both ways of attaching, and with
//! no agent at all.
#![expect(clippy::expect_used, reason = "helpers of tests, which may")]

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    agent::{Agent, Metrics, netmon_says, scrape},
    eventually::eventually,
    host::left_behind,
    impaired::{FILE, dropped_at, know_each_other, send, sent_by_kernel, write},
    sandbox::{run, sandbox},
    tc::{egress_filters, kernel_has_netem, qdisc, qdiscs},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Enough datagrams that a tenth of them is a tenth: five standard deviations are 1.1 %.
const DATAGRAMS: u32 = 20_000;
/// The direction that is impaired.
const UP: [(&str, &str); 2] = [("link", "line"), ("from", "root")];

fn lost(metrics: &Metrics) -> f64 {
    metrics.sum("netmon_link_lost_packets_total", &UP)
}

/// UDP packets that left through the egress hook, and that arrived at the other end.
fn passed(metrics: &Metrics) -> [f64; 2] {
    [("root", "egress"), ("far", "ingress")].map(|(namespace, direction)| {
        let labels = [("netns", namespace), ("direction", direction), ("protocol", "udp")];
        metrics.sum("netmon_packets_total", &labels)
    })
}

/// What was dropped behind the measuring program, by the kernel's own count of what it sent.
fn dropped() -> f64 {
    dropped_at("root", "up0", &scrape())
}

/// Waits until what is lost is told, and asserts that it is what was dropped, by everybody's count.
fn lost_is_dropped() -> f64 {
    let lost = eventually("the loss to be told", PATIENCE, || {
        let metrics = scrape();
        let by_reason = metrics
            .sum("netmon_drops_total", &[("netns", "root"), ("interface", "up0"), ("reason", "NETMON_LOSS")]);
        let told = lost(&metrics);
        (told == dropped() && by_reason == told).then_some(told)
    });
    let explained =
        [("netns", "root"), ("interface", "up0"), ("direction", "egress"), ("cause", "tc_egress")];
    eventually("the audit to explain it", PATIENCE, || {
        (scrape().sum("netmon_audit_explained_packets", &explained) == dropped()).then_some(())
    });
    let difference = [("netns", "root"), ("interface", "up0"), ("direction", "egress")];
    assert_eq!(scrape().sum("netmon_audit_difference_packets", &difference), 0.0);
    lost
}

fn a_tenth_is_lost(arguments: &[&str]) {
    sandbox(|| {
        let before = left_behind();
        write("loss = \"10%\"");
        let agent = Agent::start([&[FILE], arguments].concat());
        know_each_other();
        send(DATAGRAMS);
        let lost_in_all = lost_is_dropped();
        let metrics = scrape();
        let [left, arrived] = passed(&metrics);
        assert_eq!(left, f64::from(DATAGRAMS), "the measuring program sees what is dropped behind it");
        let lost = left - arrived;
        // IPv6 has a few packets of its own, which may be lost as well.
        assert!((0.0..20.0).contains(&(lost_in_all - lost)), "{lost_in_all} in all, {lost} of UDP");
        // Five standard deviations of a binomial: one run in 1.7 million is beyond.
        let expected = f64::from(DATAGRAMS) / 10.0;
        let bound = 5.0 * (f64::from(DATAGRAMS) * 0.1 * 0.9).sqrt();
        assert!((lost - expected).abs() <= bound, "{lost} of {DATAGRAMS} were lost");
        println!("{lost} of {DATAGRAMS} were lost, {expected} +- {bound:.0} expected");
        assert_eq!(metrics.sum("netmon_impairment_loss_ratio", &UP), 0.1);
        assert_eq!(metrics.count("netmon_impairment_loss_ratio", &[]), 1);
        let (_, status) = netmon_says(&["status"]);
        let row = status.lines().find(|line| line.contains("  loss  ")).expect("a row on the loss");
        assert!(row.contains("10%") && row.contains(" of "), "{row}");
        drop(agent);
        assert_eq!(netmon_says(&["down", FILE]).0, 0);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn a_tenth_is_lost_by_every_count_alike() {
    a_tenth_is_lost(&[]);
}

#[test]
fn a_tenth_is_lost_by_every_count_alike_in_clsact_mode() {
    a_tenth_is_lost(&["--attach", "clsact"]);
}

#[test]
fn all_is_lost_by_100_percent_and_nothing_by_0() {
    sandbox(|| {
        write("loss = \"0%\"");
        let _agent = Agent::start([FILE]);
        know_each_other();
        assert!(!qdiscs("root", "up0").contains("clsact"), "0% needs nothing");
        send(1000);
        eventually("all to arrive", PATIENCE, || (passed(&scrape()) == [1000.0; 2]).then_some(()));
        write("loss = \"100%\"");
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        send(1000);
        lost_is_dropped();
        assert_eq!(passed(&scrape()), [2000.0, 1000.0]);
        write("");
        assert_eq!(netmon_says(&["reload", FILE]).0, 0);
        assert!(!qdiscs("root", "up0").contains("clsact"), "it went with the filter");
        send(1000);
        eventually("all to arrive again", PATIENCE, || (passed(&scrape()) == [3000.0, 2000.0]).then_some(()));
        assert_eq!(scrape().count("netmon_impairment_loss_ratio", &[]), 0);
    });
}

#[test]
fn up_without_an_agent_imposes_and_an_agent_that_comes_later_measures_it() {
    sandbox(|| {
        let before = left_behind();
        write("loss = \"50%\", rate = \"10mbit\"");
        let (code, planned) = netmon_says(&["plan", FILE]);
        assert_eq!(code, 0, "{planned}");
        assert!(planned.contains("~ root:up0: impair loss 50%, rate 10mbit"), "{planned}");
        assert_eq!(netmon_says(&["up", FILE]).0, 0);
        assert_eq!(netmon_says(&["plan", FILE]), (0, "lab bad: nothing to do\n".to_owned()));
        assert_eq!(qdisc("root", "up0", "tbf").expect("a token bucket").handle, "6e6d:");
        assert!(egress_filters("root", "up0").contains("netmon:loss=500000ppm,clsact"));
        know_each_other();
        send(1000);
        // What is left waits in the queue of the rate for a while.
        let sent = || sent_by_kernel("root", "up0");
        eventually("half of it", PATIENCE, || (400.0..600.0).contains(&(1000.0 - sent())).then_some(()));
        let (_, shown) = netmon_says(&["impair", "line"]);
        assert!(shown.contains("50%") && shown.contains("no agent runs lab bad"), "{shown}");
        let agent = Agent::start([FILE]);
        // The kernel sent some before the agent was there.
        let dropped_before = || lost(&scrape()) - dropped();
        let before_agent = eventually("a moment of silence", PATIENCE, || {
            let found = dropped_before();
            (found == dropped_before()).then_some(found)
        });
        send(1000);
        let lost = eventually("the loss to be told", PATIENCE, || {
            let lost = lost(&scrape());
            (lost > 0.0 && lost == dropped() + before_agent).then_some(lost)
        });
        assert!((400.0..600.0).contains(&lost), "{lost} of 1000 were lost");
        drop(agent);
        assert_eq!(netmon_says(&["down", FILE]).0, 0);
        assert_eq!(left_behind(), before);
    });
}

/// What ping says that it sent, and what it says that came back.
fn pinged(count: u32) -> [f64; 2] {
    let count = count.to_string();
    let mut ping = Command::new("ping");
    ping.args(["-q", "-c", &count, "-i", "0.002", "-W", "2", "10.33.0.2"]);
    let said = ping.stdin(Stdio::null()).output().expect("ping is installed");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let summary = said.lines().find(|line| line.contains("packets transmitted")).expect("a summary");
    let numbers: Vec<f64> = summary.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    [numbers[0], numbers[1]]
}

#[test]
fn a_sender_is_not_told_of_the_loss_at_its_own_end() {
    sandbox(|| {
        write("loss = \"30%\"");
        let _agent = Agent::start([FILE]);
        know_each_other();
        let [sent, received] = pinged(1000);
        // Five standard deviations.
        assert!((227.0..373.0).contains(&(sent - received)), "{sent} sent, {received} came back");
        eventually("the loss to be told", PATIENCE, || {
            let labels = [("netns", "root"), ("direction", "egress"), ("protocol", "icmp")];
            let left = scrape().sum("netmon_packets_total", &labels);
            let unanswered = scrape().sum("netmon_icmp_unanswered_total", &[("netns", "root")]);
            // A sender that is told would have sent others in their place.
            (left == sent && unanswered == sent - received).then_some(())
        });
    });
}

#[test]
fn a_delay_that_this_kernel_cannot_impose_changes_nothing_and_one_that_it_can_is_measured() {
    sandbox(|| {
        let before = left_behind();
        let has_netem = kernel_has_netem();
        write("delay = \"10ms\"");
        let (code, said) = netmon_says(&["up", FILE]);
        if has_netem {
            assert_eq!(code, 0, "{said}");
            let _agent = Agent::start([FILE]);
            run("ping", &["-q", "-c", "10", "-i", "0.02", "10.33.0.2"]);
            let metrics = scrape();
            let sum = metrics.sum("netmon_link_latency_seconds_sum", &UP);
            let mean = sum / metrics.sum("netmon_link_latency_seconds_count", &UP);
            assert!((0.010..0.015).contains(&mean), "{mean} s");
            return;
        }
        let says_what_lacks = |(code, said): (i32, String)| {
            assert_eq!(code, 3, "{said}");
            for part in ["a delay on link line", "no netem", "`delay`", "CONFIG_NET_SCH_NETEM"] {
                assert!(said.contains(part), "{part}: {said}");
            }
        };
        says_what_lacks((code, said));
        says_what_lacks(netmon_says(&["plan", FILE]));
        says_what_lacks(netmon_says(&["run", FILE]));
        let (code, said) = netmon_says(&["doctor", FILE]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("the lab needs it for a delay on link line"), "{said}");
        assert_eq!(left_behind(), before);
        write("rate = \"10mbit\"");
        let agent = Agent::start([FILE]);
        let stands = qdiscs("root", "up0");
        write("rate = \"20mbit\", delay = \"10ms\"");
        says_what_lacks(netmon_says(&["reload", FILE]));
        let (code, said) = netmon_says(&["impair", "line", "--delay", "10ms"]);
        assert_eq!(code, 3, "{said}");
        assert_eq!(qdiscs("root", "up0"), stands);
        drop(agent);
    });
}

#[test]
fn killed_at_any_moment_of_up_down_puts_it_right() {
    sandbox(|| {
        let before = left_behind();
        write("loss = \"10%\", rate = \"10mbit\"");
        // The first is slower than those that are killed, and would have most of them end before.
        let timed = |_| {
            let begun = std::time::Instant::now();
            assert_eq!(netmon_says(&["up", FILE]).0, 0);
            let took = begun.elapsed();
            assert_eq!(netmon_says(&["down", FILE]).0, 0);
            took
        };
        let takes = (0..5).map(timed).min().expect("five of them");
        let mut interrupted = 0;
        for moment in 0..16 {
            let mut up = Command::new(netmon_tests::binary::netmon())
                .args(["up", FILE])
                .stderr(Stdio::null())
                .spawn()
                .expect("netmon starts");
            let started = std::time::Instant::now();
            while started.elapsed() < takes * moment / 16 {
                std::thread::yield_now();
            }
            up.kill().expect("our own child");
            interrupted += u32::from(!up.wait().expect("our own child").success());
            if moment % 4 == 0 {
                assert_eq!(netmon_says(&["up", FILE]).0, 0);
                assert_eq!(netmon_says(&["plan", FILE]).1, "lab bad: nothing to do\n");
            }
            assert_eq!(netmon_says(&["down", FILE]).0, 0);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(interrupted > 4, "only {interrupted} of 16 were killed before they had ended");
    });
}
