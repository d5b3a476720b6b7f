//! Round trips of a known duration: a forwarder between two links delays each frame by 1, 10 or 100 ms, in each
//! direction.
//!
//! netmon's figures lie between those of two others: a capture at the same interface, which starts a moment later and
//! ends a moment earlier, and the program that sends. That holds in each run. How close they are depends on what else
//! the machine does, and noise only adds: the best of a few runs counts.

use std::{
    array,
    net::SocketAddr,
    time::{Duration, Instant},
};

use netmon_tests::{
    added::Added,
    agent::scrape,
    capture::{Capture, echo_round_trips, tcp_times},
    forwarder::Fate,
    ping::average,
    relay::{FAR_ADDRESS, NEAR, Relay, ask, connect, echo_server},
    sandbox::{run, sandbox},
};

/// Runs of a few samples each: on a busy machine a short run is undisturbed more often than a long one.
const RUNS: usize = 40;
/// The allowed relative deviation of a mean.
const ALLOWED: f64 = 0.02;
/// What a round trip takes besides the delay, twice through a process: 50 to 150 us on an idle machine, according to
/// the captures. It is the forwarder's time, not netmon's, and too much to be ignored beside two milliseconds.
const FORWARDING: f64 = 200e-6;
/// A wall-clock time in seconds, as a double, is accurate to a quarter of a microsecond.
const ROUNDING: f64 = 1e-6;

/// What a histogram at the near end recorded: how many samples, and their mean in seconds.
fn recorded(added: &Added, name: &str) -> (f64, f64) {
    (added.to(&format!("{name}_count"), &NEAR), added.mean(name, &NEAR))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Compares a figure with those that enclose it. Returns its relative deviation from the capture or from the delay,
/// whichever is larger.
fn deviation(what: &str, [captured, measured, reported]: [f64; 3], delay: f64) -> f64 {
    println!("{what}: capture {captured:.7}, netmon {measured:.7}, reported {reported:.7}");
    assert!(measured >= delay, "{what}: {measured} is below the delay of {delay}");
    assert!(captured <= measured + ROUNDING, "{what}: captured {captured}, measured {measured}");
    assert!(measured <= reported + ROUNDING, "{what}: measured {measured}, reported {reported}");
    beyond(measured, delay).max((measured - captured) / captured)
}

/// How far a figure is above the delay and the forwarding, relative to the delay.
fn beyond(measured: f64, delay: f64) -> f64 {
    (measured - delay - FORWARDING) / delay
}

/// Repeats `measure`, which returns the relative deviations of its figures, until each was within bounds once.
fn converge<const FIGURES: usize>(what: &str, mut measure: impl FnMut() -> [f64; FIGURES]) {
    let mut best = [f64::INFINITY; FIGURES];
    for _ in 0..RUNS {
        let off = measure();
        best = array::from_fn(|figure| best[figure].min(off[figure]));
        if best.iter().all(|off| *off <= ALLOWED) {
            return;
        }
    }
    panic!("{what}: off by {best:?} at best");
}

fn pings_take_their_delay(each_way_ms: u64, count: u32) {
    sandbox(|| {
        let each_way = Duration::from_millis(each_way_ms);
        let _relay = Relay::start(move |_| Fate::After(each_way));
        // The neighbours resolve each other's addresses first.
        run("ping", &["-q", "-c", "1", FAR_ADDRESS]);
        converge("ICMP", || {
            let capture = Capture::start("tcpdump", "root", "near0", "icmp");
            let mut report = String::new();
            let added = Added::by(|| {
                report = run("ping", &["-q", "-c", &count.to_string(), "-i", "0.02", FAR_ADDRESS]);
            });
            let (samples, measured) = recorded(&added, "netmon_icmp_rtt_seconds");
            assert_eq!(samples, f64::from(count));
            let captured = echo_round_trips(&capture.packets(2 * count as usize));
            assert_eq!(captured.len(), count as usize);
            let reported = average(&report) + ROUNDING;
            [deviation("ICMP", [mean(&captured), measured, reported], 2.0 * each_way.as_secs_f64())]
        });
    });
}

fn connections_take_their_delay(each_way_ms: u64, questions: u32) {
    sandbox(|| {
        let each_way = Duration::from_millis(each_way_ms);
        let _relay = Relay::start(move |_| Fate::After(each_way));
        let server = echo_server();
        run("ping", &["-q", "-c", "1", FAR_ADDRESS]);
        converge("TCP", || tcp(server, questions, 2.0 * each_way.as_secs_f64()));
    });
}

/// One connection with some questions. Returns the deviations of handshake, RTT and response.
fn tcp(server: SocketAddr, questions: u32, delay: f64) -> [f64; 3] {
    let capture = Capture::start("tcpdump", "root", "near0", "tcp");
    let before = scrape();
    let begun = Instant::now();
    let mut stream = connect(server);
    let connected = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    for _ in 0..questions {
        ask(&mut stream, b'?');
    }
    let answered = begun.elapsed().as_secs_f64() / f64::from(questions);
    let added = Added { before, after: scrape() };
    let client = stream.local_addr().expect("an address");
    // The handshake is three packets, and an answer may carry the acknowledgement of its question.
    let packets = capture.packets(3 + 2 * questions as usize);
    let captured = tcp_times(&packets, &format!("{}.{}", client.ip(), client.port()));
    assert_eq!(captured.acknowledged.len(), questions as usize);
    let figures = |name: &str, expected: u32| {
        let (samples, measured) = recorded(&added, name);
        assert_eq!(samples, f64::from(expected), "{name}");
        measured
    };
    let handshake = figures("netmon_tcp_handshake_seconds", 1);
    let rtt = figures("netmon_tcp_rtt_seconds", questions);
    let response = figures("netmon_tcp_response_seconds", questions);
    assert!(rtt <= response + ROUNDING, "an acknowledgement comes with the answer: {rtt}, {response}");
    let handshake = deviation("handshake", [captured.handshake, handshake, connected], delay);
    let rtt = deviation("RTT", [mean(&captured.acknowledged), rtt, answered], delay);
    [handshake, rtt, beyond(response, delay)]
}

#[test]
fn pings_over_a_millisecond_each_way_take_two() {
    pings_take_their_delay(1, 5);
}

#[test]
fn pings_over_ten_milliseconds_each_way_take_twenty() {
    pings_take_their_delay(10, 5);
}

#[test]
fn pings_over_a_hundred_milliseconds_each_way_take_two_hundred() {
    pings_take_their_delay(100, 10);
}

#[test]
fn connections_over_a_millisecond_each_way_take_two() {
    connections_take_their_delay(1, 5);
}

#[test]
fn connections_over_ten_milliseconds_each_way_take_twenty() {
    connections_take_their_delay(10, 5);
}

#[test]
fn connections_over_a_hundred_milliseconds_each_way_take_two_hundred() {
    connections_take_their_delay(100, 5);
}
