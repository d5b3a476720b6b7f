//! Retransmitted segments give no sample (Karn's rule), over a real connection with chosen losses.
//!
//! The forwarder loses the first copy of a chosen segment and delays each further copy for long: a sample from the
//! first departure, or from that of a later copy, would be far above all right ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use netmon_tests::{
    agent::scrape,
    eventually::eventually_equal,
    forwarder::{Fate, Segment},
    packets::flag::{ACK, SYN},
    relay::{FAR_ADDRESS, MARKS, NEAR, Relay, ask, connect, echo_server},
    sandbox::{run, sandbox},
};

const EACH_WAY: Duration = Duration::from_millis(10);
/// The additional delay of each copy but the first.
const COPY: Duration = Duration::from_millis(400);
/// A bucket bound: right samples are of 20 ms, wrong ones of more than 400.
const BETWEEN: &str = "0.268435456";
/// The payload of segments whose first copy is lost.
const CHOSEN: u8 = b'L';
const OTHER: u8 = b'.';
/// The questions of one connection: chosen segments among others.
const QUESTIONS: &[u8; 11] = b"...L..L..L.";

/// The number of copies of each segment with data or SYN from the near end.
type Copies = Arc<Mutex<HashMap<u32, u32>>>;

/// Whether the first copy of a segment is lost.
type Chosen = fn(&Segment<'_>) -> bool;

fn losing(chosen: Chosen, copies: Copies, port: Arc<Mutex<u16>>) -> impl FnMut(&[u8]) -> Fate + Send {
    move |frame| {
        let port = *port.lock().unwrap_or_else(PoisonError::into_inner);
        let segment = Segment::of(frame).filter(|segment| segment.destination == port);
        let Some(segment) = segment.filter(|one| !one.payload.is_empty() || one.flags & SYN != 0) else {
            return Fate::After(EACH_WAY);
        };
        let mut copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = copies.entry(segment.sequence).or_default();
        *copy += 1;
        match *copy {
            1 if chosen(&segment) => Fate::Lost,
            1 => Fate::After(EACH_WAY),
            _ => Fate::After(EACH_WAY + COPY),
        }
    }
}

/// The segments that the kernel retransmitted on connections to the far end (`tcpi_total_retrans`). Not the sum in
/// /proc/net/snmp, which on a busy machine includes those of the scrapes over the loopback.
fn sent_again() -> f64 {
    let shown = run("ss", &["-tiHO", "dst", FAR_ADDRESS]);
    let totals = shown.split_whitespace().filter_map(|word| word.strip_prefix("retrans:")?.split_once('/'));
    totals.map(|(_, total)| total.parse::<f64>().expect("a number")).sum()
}

/// The lab with losses, and the number of copies of each segment.
fn lossy(chosen: Chosen) -> (Relay, std::net::SocketAddr, Copies) {
    let (copies, port) = (Copies::default(), Arc::new(Mutex::new(0)));
    let relay = Relay::start(losing(chosen, Arc::clone(&copies), Arc::clone(&port)));
    let server = echo_server();
    *port.lock().expect("no other thread has panicked") = server.port();
    run("ping", &["-q", "-c", "1", FAR_ADDRESS]);
    (relay, server, copies)
}

fn at_near(name: &str, more: &[(&str, &str)]) -> f64 {
    scrape().sum(name, &[&NEAR, more].concat())
}

#[test]
fn data_that_was_sent_again_gives_no_sample_and_what_comes_after_it_does() {
    sandbox(|| {
        let (_relay, server, copies) = lossy(|segment| segment.payload.get(MARKS) == Some(&CHOSEN));
        let mut stream = connect(server);
        for mark in QUESTIONS {
            let begun = Instant::now();
            ask(&mut stream, *mark);
            assert!(*mark == OTHER || begun.elapsed() > COPY, "the first copy was meant to be lost");
        }
        let egress = [("direction", "egress")];
        let read = || (at_near("netmon_tcp_retransmits_total", &egress), sent_again());
        eventually_equal("segments sent again, by netmon and by the kernel", Duration::from_secs(5), read);
        let copies = copies.lock().expect("no other thread has panicked");
        let again: u32 = copies.values().map(|copies| copies - 1).sum();
        assert_eq!(f64::from(again), sent_again(), "the forwarder and the kernel");
        // All segments but the SYN. On a busy machine the kernel may retransmit more than was lost.
        let once = copies.values().filter(|copies| **copies == 1).count() - 1;
        assert!((2..=8).contains(&once), "{copies:?}");
        assert_eq!(at_near("netmon_tcp_rtt_seconds_count", &[]), once as f64, "{copies:?}");
        let right = at_near("netmon_tcp_rtt_seconds_bucket", &[("le", BETWEEN)]);
        assert_eq!(right, once as f64, "{copies:?}");
    });
}

#[test]
fn a_handshake_whose_syn_was_sent_again_gives_no_sample_and_is_a_connection() {
    sandbox(|| {
        let (_relay, server, copies) = lossy(|segment| segment.flags & (SYN | ACK) == SYN);
        let mut stream = connect(server);
        ask(&mut stream, OTHER);
        assert!(copies.lock().expect("no other thread has panicked").values().any(|copies| *copies > 1));
        assert_eq!(at_near("netmon_tcp_handshake_seconds_count", &[]), 0.0);
        assert_eq!(at_near("netmon_tcp_connections_total", &[("event", "opened")]), 1.0);
        // The two are read one after the other, and on a busy machine the kernel may retransmit in between.
        let egress = [("direction", "egress")];
        let read = || (at_near("netmon_tcp_retransmits_total", &egress), sent_again());
        eventually_equal("segments sent again, by netmon and by the kernel", Duration::from_secs(5), read);
    });
}
