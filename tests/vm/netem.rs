//! A delay that the kernel itself imposes, at one end of a link: it is in the latency of the direction that leaves
//! there, and in no other.

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    sandbox::{run, sandbox},
};

const PINGS: u32 = 20;
const DELAY_SECONDS: f64 = 0.010;
/// The bound of the metric below the delay, and so far above what a link without one takes that a busy emulator
/// does not get half of its packets past it.
const BELOW: &str = "0.008388608";

/// What a direction's histogram took up between two readings: how many, how many of them below the delay, and their
/// mean.
fn taken_up(before: &Metrics, after: &Metrics, from: &str) -> (f64, f64, f64) {
    let added = |name: &str, labels: &[(&str, &str)]| {
        let labels = [&[("from", from)], labels].concat();
        after.sum(name, &labels) - before.sum(name, &labels)
    };
    let count = added("netmon_link_latency_seconds_count", &[]);
    let below = added("netmon_link_latency_seconds_bucket", &[("le", BELOW)]);
    (count, below, added("netmon_link_latency_seconds_sum", &[]) / count)
}

fn delays_only_what_leaves(within: &[&str], interface: &str, [slow, quick]: [&str; 2]) {
    let place = ["dev", interface, "root"];
    run("tc", &[within, &["qdisc", "add"], &place, &["netem", "delay", "10ms"]].concat());
    let before = scrape();
    run("ping", &["-q", "-c", &PINGS.to_string(), "-i", "0.05", "-W", "5", "10.200.0.3"]);
    let after = scrape();
    run("tc", &[within, &["qdisc", "del"], &place].concat());
    assert_eq!(after.count("netmon_link_latency_seconds_bucket", &[("from", slow), ("le", BELOW)]), 1);
    let (count, below, mean) = taken_up(&before, &after, slow);
    println!("from {slow}, delayed: {count} packets, mean {mean:.6} s");
    assert!(count >= f64::from(PINGS), "{count}");
    assert_eq!(below, 0.0, "none is quicker than the delay");
    assert!(mean >= DELAY_SECONDS, "{mean}");
    let (count, below, mean) = taken_up(&before, &after, quick);
    println!("from {quick}: {count} packets, mean {mean:.6} s");
    assert!(count >= f64::from(PINGS), "{count}");
    assert!(below > count / 2.0, "{below} of {count} are quicker than the delay of the other direction");
    let lost = |metrics: &Metrics| metrics.sum("netmon_link_lost_packets_total", &[]);
    assert_eq!(lost(&after), lost(&before), "late is not lost");
}

#[test]
fn ten_milliseconds_of_netem_at_one_end_are_in_that_direction_alone() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        // The neighbours find each other first.
        run("ping", &["-q", "-c", "1", "-W", "5", "10.200.0.3"]);
        delays_only_what_leaves(&[], "veth0", ["root", "direct_netns"]);
        delays_only_what_leaves(&["-n", "direct_netns"], "veth1", ["direct_netns", "root"]);
    });
}
