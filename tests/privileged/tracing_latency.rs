//! Latency, queues and loss by tracing programs, held against what the test imposes and what tcpdump saw.

use std::time::{Duration, Instant};

use netmon::datapath::Departures;
use netmon_model::names::EndpointId;
use netmon_tests::{
    capture::Capture,
    counts::kernel,
    eventually::eventually,
    foreign_links::{ForeignLinks, send},
    ping::ping,
    sandbox::{run, run_in, sandbox},
    talk::inside,
    tc::qdisc,
};

const PATIENCE: Duration = Duration::from_secs(20);
const MS: u64 = 1_000_000;
/// A filter for tcpdump.
const REQUESTS: &str = "icmp[icmptype] == icmp-echo";
/// No packet is under way for so long on a machine that works, and a departure that was left is older.
const TOO_LONG: Duration = Duration::from_millis(300);

fn tc(words: &[&str]) {
    run("ip", &[&["netns", "exec", "left", "tc"], words].concat());
}

fn departures(links: &mut ForeignLinks, id: EndpointId) -> Departures {
    links.counts(id).departures.expect("the peer is watched")
}

#[test]
fn time_in_a_queue_and_time_of_the_crossing_come_apart() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, _] = links.left_and_right();
        // 10 kB are 80 ms at 1 Mbit/s; only what is beyond the burst waits.
        tc(&[
            "qdisc", "add", "dev", "one", "root", "tbf", "rate", "1mbit", "burst", "1540", "limit", "100kb",
        ]);
        let socket = inside("left", || std::net::UdpSocket::bind(("10.44.0.1", 0)));
        for _ in 0..20 {
            socket.send_to(&[7; 1_000], ("10.44.0.2", 9)).unwrap();
        }
        let seen = eventually("twenty arrivals", PATIENCE, || {
            let seen = departures(&mut links, one);
            (seen.latency.count >= 20).then_some(seen)
        });
        let parts = seen.parts.unwrap();
        assert_eq!(parts.queue.count, seen.latency.count);
        // The last one waits for 19 others of 1,042 bytes.
        let longest = parts.queue.max_bound_ns().unwrap();
        assert!(longest >= 140 * MS, "{parts:?}");
        assert!(parts.crossing.sum_ns / parts.crossing.count < 5 * MS, "{parts:?}");
        assert_eq!(seen.latency.sum_ns, parts.queue.sum_ns + parts.crossing.sum_ns);
        assert_eq!(seen.lost_segments, 0);
    });
}

#[test]
fn what_a_queue_drops_is_lost_and_nothing_else() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, two] = links.left_and_right();
        tc(&["qdisc", "add", "dev", "one", "root", "tbf", "rate", "20mbit", "burst", "5kb", "limit", "10kb"]);
        let socket = inside("left", || std::net::UdpSocket::bind(("10.44.0.1", 0)));
        for _ in 0..2_000 {
            socket.send_to(&[7; 1_000], ("10.44.0.2", 9)).unwrap();
        }
        let dropped = qdisc("left", "one", "tbf").unwrap().drops;
        assert!(dropped > 100, "{dropped}");
        eventually("an empty queue", PATIENCE, || {
            (qdisc("left", "one", "tbf").unwrap().waiting == 0).then_some(())
        });
        eventually("as many lost", PATIENCE, || {
            (departures(&mut links, one).lost_segments == dropped).then_some(())
        });
        links.assert_as_the_kernel_counts();
        assert_eq!(departures(&mut links, two).lost_segments, 0);
        assert_eq!(links.counts(two).unjoined_packets, 0);
    });
}

#[test]
fn a_packet_that_is_dropped_leaves_its_address_to_another_without_a_wrong_latency() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, two] = links.left_and_right();
        ping("left", "10.44.0.2");
        // The driver drops what is too long for the peer, after the last tracepoint: no arrival takes these departures.
        run("ip", &["-n", "right", "link", "set", "two", "mtu", "576"]);
        let socket = inside("left", || std::net::UdpSocket::bind(("10.44.0.1", 0)));
        for _ in 0..5_000 {
            socket.send_to(&[7; 1_000], ("10.44.0.2", 9)).unwrap();
        }
        let dropped_at = Instant::now();
        run("ip", &["-n", "right", "link", "set", "two", "mtu", "1500"]);
        eventually("old departures", PATIENCE, || (dropped_at.elapsed() > 2 * TOO_LONG).then_some(()));
        run_in("left", "ping", &["-q", "-f", "-c", "5000", "10.44.0.2"]);
        let (_, dropped) = kernel("left", "one");
        assert_eq!(dropped.to_string(), "5000");
        let seen = departures(&mut links, one);
        assert_eq!(links.counts(two).unjoined_packets, 0);
        let longest = Duration::from_nanos(seen.latency.max_bound_ns().unwrap());
        assert!(longest < TOO_LONG, "{longest:?}: an old departure was taken");
        eventually("5,000 lost", PATIENCE, || {
            (departures(&mut links, one).lost_segments == 5_000).then_some(())
        });
    });
}

#[test]
fn latency_lies_between_the_times_of_a_capture_at_both_ends() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let [one, _] = links.left_and_right();
        ping("left", "10.44.0.2");
        let leaving = Capture::start("left", "left", "one", REQUESTS);
        let arriving = Capture::start("right", "right", "two", REQUESTS);
        let before = departures(&mut links, one).latency;
        run_in("left", "ping", &["-q", "-c", "50", "-i", "0.01", "10.44.0.2"]);
        let after = departures(&mut links, one).latency;
        let (left, arrived) = (leaving.packets(50), arriving.packets(50));
        let captured: f64 =
            left.iter().zip(&arrived).map(|(one, two)| two.time - one.time).sum::<f64>() / 50.0;
        let count = after.count - before.count;
        let measured = (after.sum_ns - before.sum_ns) as f64 / count as f64 / 1e9;
        println!("{count} packets: captured {captured:.9} s, measured {measured:.9} s");
        // The capture takes its first time between the queue and the driver, and its second after the arrival.
        assert!((measured - captured).abs() < 20e-6 + captured, "{measured} {captured}");
    });
}

#[test]
fn a_link_that_is_watched_under_traffic_loses_nothing() {
    sandbox(|| {
        let mut links = ForeignLinks::new();
        let ids = links.left_and_right();
        for _ in 0..20 {
            assert!(links.datapath.unwatch(&ids).is_empty());
            let flood = std::thread::spawn(|| send("left", "right", "10.44.0.2", 32 << 20));
            let again = links.watch([("left", "one"), ("right", "two")]);
            flood.join().unwrap();
            for id in again {
                assert_eq!(departures(&mut links, id).lost_segments, 0);
            }
            assert!(links.datapath.unwatch(&again).is_empty());
        }
    });
}
