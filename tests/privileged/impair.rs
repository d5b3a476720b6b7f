//! A declared loss: netmon reports as lost exactly what the program drops, in both attach modes, and without an agent
//! as well.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::{fails, netmon_says, succeeds},
    eventually::eventually,
    host::left_behind,
    impaired::{FILE, dropped_at, send, sent_by_kernel, set_neighbours, write},
    kill::kill_after,
    ping::sent_and_received,
    sandbox::{run, sandbox},
    tc::{egress_filters, kernel_has_netem, qdisc, qdiscs},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// So many datagrams that the loss is close to a tenth: five standard deviations are 1.1 %.
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

/// What was dropped after the measuring program, by the kernel's own count of sent packets.
fn dropped() -> f64 {
    dropped_at("root", "up0", &scrape())
}

/// Waits until the loss is reported, and asserts that all counts of it are equal.
fn assert_lost_is_dropped() -> f64 {
    let lost = eventually("the reported loss", PATIENCE, || {
        let metrics = scrape();
        let by_reason = metrics
            .sum("netmon_drops_total", &[("netns", "root"), ("interface", "up0"), ("reason", "NETMON_LOSS")]);
        let reported = lost(&metrics);
        (reported == dropped() && by_reason == reported).then_some(reported)
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
        set_neighbours();
        send(DATAGRAMS);
        let lost_in_all = assert_lost_is_dropped();
        let metrics = scrape();
        let [left, arrived] = passed(&metrics);
        assert_eq!(left, f64::from(DATAGRAMS), "the measuring program sees what is dropped after it");
        let lost = left - arrived;
        // IPv6 sends a few packets of its own, which may be lost as well.
        assert!((0.0..20.0).contains(&(lost_in_all - lost)), "{lost_in_all} in all, {lost} of UDP");
        // Five standard deviations of a binomial distribution: one run in 1.7 million exceeds them.
        let expected = f64::from(DATAGRAMS) / 10.0;
        let bound = 5.0 * (f64::from(DATAGRAMS) * 0.1 * 0.9).sqrt();
        assert!((lost - expected).abs() <= bound, "{lost} of {DATAGRAMS} were lost");
        println!("{lost} of {DATAGRAMS} were lost, {expected} +- {bound:.0} expected");
        assert_eq!(metrics.sum("netmon_impairment_loss_ratio", &UP), 0.1);
        assert_eq!(metrics.count("netmon_impairment_loss_ratio", &[]), 1);
        let status = succeeds(&["status"]);
        let row = status.lines().find(|line| line.contains("  loss  ")).expect("a row on the loss");
        assert!(row.contains("10%") && row.contains(" of "), "{row}");
        drop(agent);
        succeeds(&["down", FILE]);
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
        set_neighbours();
        assert!(!qdiscs("root", "up0").contains("clsact"), "0% needs nothing");
        send(1000);
        eventually("all to arrive", PATIENCE, || (passed(&scrape()) == [1000.0; 2]).then_some(()));
        write("loss = \"100%\"");
        succeeds(&["reload", FILE]);
        send(1000);
        assert_lost_is_dropped();
        assert_eq!(passed(&scrape()), [2000.0, 1000.0]);
        write("");
        succeeds(&["reload", FILE]);
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
        let planned = succeeds(&["plan", FILE]);
        assert!(planned.contains("~ root:up0: impair loss 50%, rate 10mbit"), "{planned}");
        succeeds(&["up", FILE]);
        assert_eq!(succeeds(&["plan", FILE]), "lab bad: nothing to do\n");
        assert_eq!(qdisc("root", "up0", "tbf").expect("a token bucket").handle, "6e6d:");
        assert!(egress_filters("root", "up0").contains("netmon:loss=500000ppm,clsact"));
        set_neighbours();
        send(1000);
        // The rest waits in the queue of the rate for a while.
        let sent = || sent_by_kernel("root", "up0");
        eventually("half of it", PATIENCE, || (400.0..600.0).contains(&(1000.0 - sent())).then_some(()));
        let shown = succeeds(&["impair", "line"]);
        assert!(shown.contains("50%") && shown.contains("no agent runs lab bad"), "{shown}");
        let agent = Agent::start([FILE]);
        // The kernel sent some packets before the agent attached.
        let dropped_before = || lost(&scrape()) - dropped();
        let before_agent = eventually("a moment without traffic", PATIENCE, || {
            let found = dropped_before();
            (found == dropped_before()).then_some(found)
        });
        send(1000);
        let lost = eventually("the reported loss", PATIENCE, || {
            let lost = lost(&scrape());
            (lost > 0.0 && lost == dropped() + before_agent).then_some(lost)
        });
        assert!((400.0..600.0).contains(&lost), "{lost} of 1000 were lost");
        drop(agent);
        succeeds(&["down", FILE]);
        assert_eq!(left_behind(), before);
    });
}

/// Echo requests that ping sent, and replies that it received.
fn pinged(count: u32) -> [f64; 2] {
    let count = count.to_string();
    let mut ping = Command::new("ping");
    ping.args(["-q", "-c", &count, "-i", "0.002", "-W", "2", "10.33.0.2"]);
    let said = ping.stdin(Stdio::null()).output().expect("ping is installed");
    sent_and_received(&String::from_utf8_lossy(&said.stdout))
}

#[test]
fn a_sender_does_not_notice_the_loss_at_its_own_end() {
    sandbox(|| {
        write("loss = \"30%\"");
        let _agent = Agent::start([FILE]);
        set_neighbours();
        let [sent, received] = pinged(1000);
        // Five standard deviations.
        assert!((227.0..373.0).contains(&(sent - received)), "{sent} sent, {received} came back");
        eventually("the reported loss", PATIENCE, || {
            let labels = [("netns", "root"), ("direction", "egress"), ("protocol", "icmp")];
            let left = scrape().sum("netmon_packets_total", &labels);
            let unanswered = scrape().sum("netmon_icmp_unanswered_total", &[("netns", "root")]);
            // A sender that noticed the loss would have sent others in their place.
            (left == sent && unanswered == sent - received).then_some(())
        });
    });
}

#[test]
fn a_delay_is_measured_or_without_netem_refused_with_nothing_changed() {
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
        let names_what_is_missing = |(code, said): (i32, String)| {
            assert_eq!(code, 3, "{said}");
            for part in ["a delay on link line", "no netem", "`delay`", "CONFIG_NET_SCH_NETEM"] {
                assert!(said.contains(part), "{part}: {said}");
            }
        };
        names_what_is_missing((code, said));
        names_what_is_missing(netmon_says(&["plan", FILE]));
        names_what_is_missing(netmon_says(&["run", FILE]));
        let said = fails(3, &["doctor", FILE]);
        assert!(said.contains("the lab needs it for a delay on link line"), "{said}");
        assert_eq!(left_behind(), before);
        write("rate = \"10mbit\"");
        let agent = Agent::start([FILE]);
        let stands = qdiscs("root", "up0");
        write("rate = \"20mbit\", delay = \"10ms\"");
        names_what_is_missing(netmon_says(&["reload", FILE]));
        fails(3, &["impair", "line", "--delay", "10ms"]);
        assert_eq!(qdiscs("root", "up0"), stands);
        drop(agent);
    });
}

#[test]
fn after_a_kill_at_any_moment_of_up_down_removes_the_rest() {
    sandbox(|| {
        let before = left_behind();
        write("loss = \"10%\", rate = \"10mbit\"");
        // The first run is slower than later ones: measured by it alone, most kills would come too late.
        let timed = |_| {
            let begun = std::time::Instant::now();
            succeeds(&["up", FILE]);
            let took = begun.elapsed();
            succeeds(&["down", FILE]);
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
            interrupted += u32::from(kill_after(&mut up, takes * moment / 16));
            if moment % 4 == 0 {
                succeeds(&["up", FILE]);
                assert_eq!(succeeds(&["plan", FILE]), "lab bad: nothing to do\n");
            }
            succeeds(&["down", FILE]);
            assert_eq!(left_behind(), before, "killed at moment {moment}");
        }
        assert!(interrupted > 4, "only {interrupted} of 16 were killed before they had ended");
    });
}
