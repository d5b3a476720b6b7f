//! A declared rate: what arrives is what the rate permits, and what the token bucket drops is reported as lost.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::{Agent, Metrics, scrape},
    commands::succeeds,
    eventually::eventually,
    host::left_behind,
    impaired::{FILE, set_neighbours, write},
    sandbox::{run, sandbox},
    tc::qdisc,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const PATIENCE: Duration = Duration::from_secs(20);
/// The rate in bytes per second.
const RATE: f64 = 1_250_000.0;
/// Bytes that may leave at once, and bytes that may wait: see `docs/LABFILE.md`.
const BURST: f64 = 6_250.0;
const QUEUE: f64 = 62_500.0;
/// The bytes of a datagram with all headers.
const FRAME: usize = 1_242;
/// The duration, and how many times faster than the rate the test sends.
const TIME: Duration = Duration::from_secs(3);
const EXCESS: f64 = 2.0;

/// Sends evenly at twice the rate. Returns how many datagrams were sent, and how long that took.
fn overload() -> (u32, f64) {
    let socket = UdpSocket::bind("10.33.0.1:0").expect("an address of root");
    let interval = Duration::from_secs_f64(FRAME as f64 / (EXCESS * RATE));
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < TIME {
        // A full queue is reported as an error now and then.
        if socket.send_to(&[7; FRAME - 42], "10.33.0.2:9").is_ok() {
            sent += 1;
        }
        wait_until(begun + interval * (sent + 1), &socket);
    }
    (sent, begun.elapsed().as_secs_f64())
}

/// Blocks until `due`: nothing ever arrives at the socket.
fn wait_until(due: Instant, socket: &UdpSocket) {
    let left = Timespec::try_from(due.saturating_duration_since(Instant::now())).expect("a short time");
    // If interrupted, the datagram leaves a little early.
    let _ = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&left));
}

fn wire(metrics: &Metrics, namespace: &str, direction: &str) -> f64 {
    metrics.sum("netmon_wire_bytes_total", &[("netns", namespace), ("direction", direction)])
}

/// The outcome of an overload.
struct Passed {
    /// Wire bytes that arrived.
    arrived: f64,
    /// How long datagrams were sent, in seconds.
    took: f64,
}

impl Passed {
    /// The bits per second that passed, without what waited in the end.
    fn rate(&self) -> f64 {
        8.0 * (self.arrived - QUEUE) / self.took
    }
}

/// Sends twice as much as the rate permits, and waits until the reported loss equals what the queue dropped.
fn passed() -> Passed {
    let before = qdisc("root", "up0", "tbf").expect("a token bucket");
    let start = scrape();
    let (sent, took) = overload();
    assert!(f64::from(sent) > 1.5 * RATE * took / FRAME as f64, "only {sent} were sent");
    // IPv6 sends a packet of its own now and then: the values compared were read while nothing passed.
    let (after, end) =
        eventually("an empty queue, the loss, and every byte that left the queue", PATIENCE, || {
            let (bucket, metrics) = (qdisc("root", "up0", "tbf").expect("a token bucket"), scrape());
            let lost = metrics.sum("netmon_link_lost_packets_total", &[("from", "root")]);
            let all = lost == bucket.drops as f64 && wire(&metrics, "far", "ingress") == bucket.bytes as f64;
            (bucket.drops > before.drops && all).then_some((bucket, metrics))
        });
    let arrived = wire(&end, "far", "ingress") - wire(&start, "far", "ingress");
    let passed = Passed { arrived, took };
    // An exact upper bound: what the rate permits in this time, the burst, what waited, and a few packets of others.
    assert!(arrived < RATE * took + BURST + QUEUE + 10.0 * FRAME as f64, "{arrived} bytes in {took} s");
    println!("{:.2} Mbit/s over {took:.2} s, {} dropped", passed.rate() / 1e6, after.drops - before.drops);
    passed
}

fn ten_megabits(arguments: &[&str]) {
    sandbox(|| {
        let before = left_behind();
        write("rate = \"10mbit\"");
        let agent = Agent::start([&[FILE], arguments].concat());
        set_neighbours();
        // By then the interfaces have sent what they send after they come up.
        run("ping", &["-q", "-c", "3", "-i", "0.2", "10.33.0.2"]);
        // If the machine is busy for longer than a burst lasts, less passes: then try again.
        let fast_enough = (0..3).any(|_| passed().rate() > 0.97 * 8.0 * RATE);
        assert!(fast_enough, "less than 97 % of the rate, three times");
        let end = scrape();
        assert_eq!(end.sum("netmon_impairment_rate_bytes_per_second", &[("from", "root")]), RATE);
        let status = succeeds(&["status"]);
        let row = status.lines().find(|line| line.contains("  rate  ")).expect("a row on the rate");
        assert!(row.contains("10mbit") && row.contains("bit/s"), "{row}");
        // A full queue takes fifty milliseconds to empty.
        let longest =
            end.sum("netmon_link_latency_seconds_bucket", &[("from", "root"), ("le", "0.067108864")]);
        let all = end.sum("netmon_link_latency_seconds_count", &[("from", "root")]);
        assert!(longest > 0.9 * all, "{longest} of {all} within 67 ms");
        drop(agent);
        succeeds(&["down", FILE]);
        assert_eq!(left_behind(), before);
    });
}

#[test]
fn ten_megabits_a_second_are_ten() {
    ten_megabits(&[]);
}

#[test]
fn ten_megabits_a_second_are_ten_in_clsact_mode() {
    ten_megabits(&["--attach", "clsact"]);
}
