//! A delay that the kernel imposes at one end of a link: it appears in the latency of the direction that leaves
//! there, and in no other.

use netmon_tests::{
    added::Added,
    agent::Agent,
    sandbox::{run, sandbox},
};

const PINGS: u32 = 20;
const DELAY_SECONDS: f64 = 0.010;
/// The bucket bound below the delay. It is so far above the latency of a link without a delay that even a busy
/// emulator has half of its packets below it.
const BELOW: &str = "0.008388608";

/// What a direction's histogram recorded: how many samples, how many of them below the delay, and their mean.
fn recorded(added: &Added, from: &str) -> (f64, f64, f64) {
    let count = added.to("netmon_link_latency_seconds_count", &[("from", from)]);
    let below = added.to("netmon_link_latency_seconds_bucket", &[("from", from), ("le", BELOW)]);
    (count, below, added.mean("netmon_link_latency_seconds", &[("from", from)]))
}

fn delays_only_what_leaves(within: &[&str], interface: &str, [slow, quick]: [&str; 2]) {
    let place = ["dev", interface, "root"];
    run("tc", &[within, &["qdisc", "add"], &place, &["netem", "delay", "10ms"]].concat());
    let added = Added::by(|| {
        run("ping", &["-q", "-c", &PINGS.to_string(), "-i", "0.05", "-W", "5", "10.200.0.3"]);
    });
    run("tc", &[within, &["qdisc", "del"], &place].concat());
    assert_eq!(added.after.count("netmon_link_latency_seconds_bucket", &[("from", slow), ("le", BELOW)]), 1);
    let (count, below, mean) = recorded(&added, slow);
    println!("from {slow}, delayed: {count} packets, mean {mean:.6} s");
    assert!(count >= f64::from(PINGS), "{count}");
    assert_eq!(below, 0.0, "none is quicker than the delay");
    assert!(mean >= DELAY_SECONDS, "{mean}");
    let (count, below, mean) = recorded(&added, quick);
    println!("from {quick}: {count} packets, mean {mean:.6} s");
    assert!(count >= f64::from(PINGS), "{count}");
    assert!(below > count / 2.0, "{below} of {count} are quicker than the delay of the other direction");
    assert_eq!(added.to("netmon_link_lost_packets_total", &[]), 0.0, "late is not lost");
}

#[test]
fn ten_milliseconds_of_netem_at_one_end_are_in_that_direction_only() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        // The neighbours resolve each other's addresses first.
        run("ping", &["-q", "-c", "1", "-W", "5", "10.200.0.3"]);
        delays_only_what_leaves(&[], "veth0", ["root", "direct_netns"]);
        delays_only_what_leaves(&["-n", "direct_netns"], "veth1", ["direct_netns", "root"]);
    });
}
