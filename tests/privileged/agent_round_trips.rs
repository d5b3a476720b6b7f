//! The duration of a ping: netmon's figure lies between those of a capture and of ping.
//!
//! ping starts its clock before the system call that sends. The path through the stack is long when none of it is in
//! the processor's caches: 25 to 40 us for a packet every 20 ms, 1 to 3 us for one every millisecond. No hook of an
//! interface sees that part. So each figure is compared with the two that enclose it: those of a capture at the same
//! interface, which starts a moment later and ends a moment earlier, and ping's own.

use netmon_tests::{
    added::Added,
    agent::Agent,
    capture::{Capture, echo_round_trips},
    direct::ROOT,
    ping::average,
    sandbox::{run, sandbox},
};

/// Noise only adds to the time between two observers: the best of some short runs shows their difference, even on a
/// busy machine.
const RUNS: usize = 40;

/// Sends echo requests. Returns netmon's mean at veth0 and ping's average, in seconds.
fn ping(count: u32, interval: &str) -> (f64, f64) {
    let mut report = String::new();
    let added = Added::by(|| {
        report = run("ping", &["-q", "-c", &count.to_string(), "-i", interval, "10.200.0.3"]);
    });
    assert_eq!(added.to("netmon_icmp_rtt_seconds_count", &ROOT), f64::from(count));
    (added.mean("netmon_icmp_rtt_seconds", &ROOT), average(&report))
}

/// How far netmon's mean may be below ping's average: 10 us or 10 %, whichever is larger.
fn below_ping(said: f64) -> f64 {
    10e-6_f64.max(0.1 * said)
}

/// How far netmon's mean may be above the capture's: the difference is what both do with a packet, twice, and after
/// 20 ms of silence that is not in the processor's caches either.
const ABOVE_CAPTURE: f64 = 20e-6;

#[test]
fn pings_in_quick_succession_are_as_long_as_ping_says() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let (measured, said) = ping(100, "0.001");
            // ping truncates to whole microseconds.
            assert!(measured <= said + 1e-6, "measured {measured}, ping says {said}");
            best = best.min((said - measured) / below_ping(said));
            if best <= 1.0 {
                return;
            }
        }
        panic!("at best {best} times as far below ping's average as it may be");
    });
}

#[test]
fn a_ping_now_and_then_is_as_long_as_a_capture_says() {
    sandbox(|| {
        let _agent = Agent::start([""; 0]);
        run("ping", &["-q", "-c", "1", "10.200.0.3"]);
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let capture = Capture::start("tcpdump", "root", "veth0", "icmp");
            let (measured, said) = ping(20, "0.02");
            let captured = echo_round_trips(&capture.packets(40));
            assert_eq!(captured.len(), 20);
            let captured = captured.iter().sum::<f64>() / 20.0;
            println!("capture {captured:.7}, netmon {measured:.7}, ping {said:.6}");
            assert!(captured <= measured + 1e-6, "captured {captured}, measured {measured}");
            assert!(measured <= said + 1e-6, "measured {measured}, ping says {said}");
            best = best.min((measured - captured) / ABOVE_CAPTURE);
            if best <= 1.0 {
                return;
            }
        }
        panic!("at best {best} times as far above the capture's mean as it may be");
    });
}
