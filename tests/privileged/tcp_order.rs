//! Segments of raw sockets over a real veth pair: each hook tells what passed twice from what passed late.
//!
//! Both ends are sockets of the test, so it is known exactly what passed.

use std::{collections::BTreeMap, time::Duration};

use netmon::{datapath::Options, watch::Meter};
use netmon_kernel::sys::packet_socket::PacketSocket;
use netmon_model::snapshot::RoundTrips;
use netmon_tests::{
    eventually::eventually,
    packets::{
        Ipv4, Ipv6, Tcp,
        flag::{ACK, FIN, PSH, RST, SYN},
        number,
    },
    pair::{pair, set_up},
    sandbox::sandbox,
};

/// Both ends of a pair, and a conversation between them over IPv4 or IPv6.
struct Talk {
    meter: Meter,
    ends: [PacketSocket; 2],
    six: bool,
    port: u16,
    sent: u64,
    before: [BTreeMap<&'static str, u64>; 2],
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Talk {
    fn new(six: bool) -> Self {
        let ends = pair();
        let mut meter = Meter::load(&Options::default()).unwrap();
        meter.attach(&ends).unwrap();
        set_up();
        let ends = ends.map(|end| PacketSocket::open(end.ifindex.0).unwrap());
        Self { meter, ends, six, port: 40_000, sent: 0, before: Default::default() }
    }

    /// Opens a connection. The client's data begin at 1001, the server's at 5001.
    fn open(&mut self) {
        self.port += 1;
        self.send(CLIENT, SYN, 1000, 0, b"");
        self.send(SERVER, SYN | ACK, 5000, 1001, b"");
        self.send(CLIENT, ACK, 1001, 5001, b"");
        self.before = self.counts();
    }

    fn send(&mut self, from: usize, flags: u8, sequence: u32, acknowledged: u32, payload: &[u8]) {
        let (source, destination) = if from == CLIENT { (self.port, 7777) } else { (7777, self.port) };
        let tcp = Tcp { source, destination, sequence, acknowledged, flags, ..Tcp::default() };
        let segment = tcp.segment(payload);
        let (four, six) = (Ipv4::default(), Ipv6::default());
        let frame = match (self.six, from == CLIENT) {
            (false, true) => four.frame(number::TCP, &segment),
            (false, false) => four.back().frame(number::TCP, &segment),
            (true, true) => six.frame(number::TCP, &segment),
            (true, false) => six.back().frame(number::TCP, &segment),
        };
        self.ends[from].send(&frame).unwrap();
        self.sent += 1;
        eventually("the segment at the other end", Duration::from_secs(20), || {
            let link = self.meter.snapshot().unwrap().links.remove(0);
            let arrived: u64 = link.ends().map(|end| end.hooks.ingress.packets()).sum();
            (arrived == self.sent).then_some(())
        });
    }

    fn data(&mut self, from: usize, sequence: u32, acknowledged: u32, payload: &[u8]) {
        self.send(from, ACK | PSH, sequence, acknowledged, payload);
    }

    fn ack(&mut self, from: usize, sequence: u32, acknowledged: u32) {
        self.send(from, ACK, sequence, acknowledged, b"");
    }

    fn counts(&mut self) -> [BTreeMap<&'static str, u64>; 2] {
        let link = self.meter.snapshot().unwrap().links.remove(0);
        [link.a, link.b.unwrap()].map(|end| counts(&end.round_trips))
    }

    /// Asserts what has been counted since the connection was opened, at each end.
    fn found(&mut self, what: &str, client: &[(&str, u64)], server: &[(&str, u64)]) {
        let now = self.counts();
        for (end, expected) in [client, server].into_iter().enumerate() {
            let more = now[end].iter().map(|(name, count)| (*name, count - self.before[end][name]));
            let more: Vec<_> = more.filter(|(_, count)| *count > 0).collect();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(more, expected, "{what}, end {end}");
        }
    }
}

fn counts(trips: &RoundTrips) -> BTreeMap<&'static str, u64> {
    let events = trips.tcp_connections.iter().map(|(event, count)| (event.label(), *count));
    let unsure = trips.tcp_unsure.iter().map(|(reason, count)| (reason.label(), *count));
    [
        ("again in", trips.tcp_retransmits_ingress),
        ("again out", trips.tcp_retransmits_egress),
        ("late in", trips.tcp_reordered_ingress),
        ("late out", trips.tcp_reordered_egress),
        ("responses", trips.tcp_response.count),
        ("rtt", trips.tcp_rtt.as_ref().map_or(0, |rtt| rtt.count)),
    ]
    .into_iter()
    .chain(events)
    .chain(unsure)
    .collect()
}

/// Runs a test over IPv4 and IPv6.
fn over_both(test: impl Fn(&mut Talk) + Sync) {
    for six in [false, true] {
        sandbox(|| {
            let mut talk = Talk::new(six);
            talk.open();
            test(&mut talk);
        });
    }
}

const NO_REQUEST: (&str, u64) = ("unknown_protocol", 1);

#[test]
fn segments_that_overtake_each_other_are_late_at_both_hooks() {
    over_both(|talk| {
        talk.data(CLIENT, 1101, 5001, &[b'y'; 100]);
        talk.data(CLIENT, 1001, 5001, &[b'x'; 100]);
        talk.ack(SERVER, 5001, 1201);
        talk.found("two segments", &[("late out", 1)], &[("late in", 1)]);
        talk.data(CLIENT, 1201, 5001, &[b'z'; 100]);
        talk.ack(SERVER, 5001, 1301);
        talk.found("and a third", &[("late out", 1), ("rtt", 1)], &[("late in", 1)]);
    });
}

#[test]
fn unacknowledged_segments_of_any_length_are_retransmitted() {
    for length in [1, 2, 1000] {
        over_both(|talk| {
            let text = vec![b'x'; length];
            talk.data(CLIENT, 1001, 5001, &text);
            talk.data(CLIENT, 1001, 5001, &text);
            talk.ack(SERVER, 5001, 1001 + length as u32);
            talk.found(
                &format!("{length} bytes"),
                &[("again out", 1), NO_REQUEST],
                &[("again in", 1), NO_REQUEST],
            );
        });
    }
}

#[test]
fn keep_alives_with_and_without_a_byte_are_not_retransmitted() {
    over_both(|talk| {
        talk.data(CLIENT, 1001, 5001, &[b'x'; 9]);
        talk.ack(SERVER, 5001, 1010);
        for payload in [&b""[..], b"x"] {
            talk.send(CLIENT, ACK, 1009, 5001, payload);
            talk.ack(SERVER, 5001, 1010);
        }
        talk.found("keep-alives", &[("rtt", 1), NO_REQUEST], &[NO_REQUEST]);
    });
}

#[test]
fn what_follows_both_fins_is_counted_until_they_are_acknowledged_and_after_that() {
    over_both(|talk| {
        talk.send(CLIENT, ACK | FIN, 1001, 5001, b"");
        talk.ack(SERVER, 5001, 1002);
        let last = |talk: &mut Talk| {
            for n in 0..5 {
                let fin = if n == 4 { FIN } else { 0 };
                talk.send(SERVER, ACK | fin, 5001 + 100 * n, 1002, &[b'z'; 100]);
            }
        };
        last(talk);
        last(talk);
        talk.found("both FINs", &[("again in", 5)], &[("again out", 5)]);
        talk.ack(CLIENT, 1002, 5502);
        talk.found("acknowledged", &[("again in", 5), ("closed", 1)], &[("again out", 5), ("closed", 1)]);
        last(talk);
        talk.found("late copies", &[("again in", 10), ("closed", 1)], &[("again out", 10), ("closed", 1)]);
    });
}

#[test]
fn a_blind_reset_ends_nothing_and_an_exact_one_does() {
    over_both(|talk| {
        talk.send(CLIENT, RST, 0x0fff_ffff, 5001, b"");
        talk.data(CLIENT, 1001, 5001, b"GET / 1.0");
        talk.ack(SERVER, 5001, 1010);
        talk.data(CLIENT, 1010, 5001, b"and more");
        talk.data(CLIENT, 1010, 5001, b"and more");
        talk.data(SERVER, 5001, 1018, b"k");
        talk.ack(CLIENT, 1018, 5002);
        let expected = [("again out", 1), ("responses", 1), ("rtt", 1)];
        talk.found("a blind reset", &expected, &[("again in", 1), ("responses", 1), ("rtt", 1)]);
        talk.send(CLIENT, RST, 1018, 0, b"");
        let expected = [("again out", 1), ("responses", 1), ("rtt", 1), ("reset", 1)];
        talk.found("an exact one", &expected, &[("again in", 1), ("responses", 1), ("rtt", 1), ("reset", 1)]);
    });
}

#[test]
fn a_request_that_is_sent_twice_gives_one_response() {
    over_both(|talk| {
        talk.data(CLIENT, 1001, 5001, b"GET /");
        talk.data(CLIENT, 1001, 5001, b"GET /");
        talk.data(SERVER, 5001, 1006, b"200");
        talk.found(
            "a repeated request",
            &[("again out", 1), ("responses", 1)],
            &[("again in", 1), ("responses", 1)],
        );
    });
}

#[test]
fn a_connection_that_is_seen_from_the_middle_on_is_found() {
    over_both(|talk| {
        talk.port += 1;
        talk.data(CLIENT, 1001, 5001, b"GET /");
        talk.data(SERVER, 5001, 1006, b"200");
        talk.ack(CLIENT, 1006, 5004);
        talk.send(SERVER, RST, 5004, 0, b"");
        talk.found(
            "from the middle",
            &[("found", 1), ("reset", 1), ("rtt", 1)],
            &[("found", 1), ("reset", 1), ("rtt", 1)],
        );
    });
}
