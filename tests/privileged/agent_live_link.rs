//! A link that is in use when netmon attaches: packets that passed before both ends were watched are not lost.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use netmon_kernel::netns::NetNs;
use netmon_tests::{
    agent::{Agent, Up, scrape},
    eventually::eventually,
    sandbox::sandbox,
};
use rustix::process::Signal;

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than an epoch stays open.
const SETTLED: Duration = Duration::from_secs(1);
/// How many agents, one after the other: each attaches at another moment.
const AGENTS: usize = 6;

/// Sends small packets to the other end of the link until `stop` is set.
fn send(socket: &UdpSocket, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        // An error if the receiver's buffer is full, which is beyond the link.
        let _ = socket.send(b"one of many");
    }
}

#[test]
fn attaching_to_a_link_in_use_loses_nothing() {
    sandbox(|| {
        let _lab = Up::direct();
        let netns = NetNs::open(&"direct_netns".parse().unwrap()).unwrap();
        let there = UdpSocket::bind("10.200.0.2:7001").unwrap();
        let back = netns.run(|| UdpSocket::bind("10.200.0.3:7001").unwrap()).unwrap();
        there.connect("10.200.0.3:7001").unwrap();
        back.connect("10.200.0.2:7001").unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for socket in [&there, &back] {
                let stop = &stop;
                scope.spawn(move || send(socket, stop));
            }
            for agent in 0..AGENTS {
                let running = Agent::start([""; 0]);
                let begun = scrape().sum("netmon_segments_total", &[]);
                let since = Instant::now();
                eventually("ten thousand more segments", PATIENCE, || {
                    let passed = scrape().sum("netmon_segments_total", &[]) > begun + 10_000.0;
                    // By then the epoch in which the agent attached is closed.
                    (passed && since.elapsed() > SETTLED).then_some(())
                });
                let lost = scrape().sum("netmon_link_lost_packets_total", &[]);
                if lost != 0.0 {
                    stop.store(true, Ordering::Relaxed);
                }
                assert_eq!(lost, 0.0, "agent {agent}");
                running.end(Signal::TERM);
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}
