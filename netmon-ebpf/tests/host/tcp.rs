//! What the segments of a TCP connection reveal at one endpoint, step by step.

mod ending;
mod exchange;
mod order;

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    endpoint::{RoundTrip, TcpEvent, Unsure},
    flow::TcpFlow,
    tcp::{Findings, Payload, Segment},
};

use crate::{
    atomics::Atomics,
    packets::flag::{ACK, FIN, PSH, SYN},
};

/// A finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    RoundTrip(RoundTrip, u64),
    Event(TcpEvent),
    Retransmits(usize, u32),
    Reordered(usize, u32),
    Unsure(Unsure),
}

#[derive(Default)]
struct List(Vec<Found>);

impl Findings for List {
    fn round_trip(&mut self, kind: RoundTrip, ns: u64) {
        self.0.push(Found::RoundTrip(kind, ns));
    }

    fn event(&mut self, event: TcpEvent) {
        self.0.push(Event(event));
    }

    fn out_of_order(&mut self, hook: usize, repeated: u32, late: u32) {
        self.0.extend((repeated > 0).then_some(Retransmits(hook, repeated)));
        self.0.extend((late > 0).then_some(Reordered(hook, late)));
    }

    fn unsure(&mut self, reason: Unsure) {
        self.0.push(Found::Unsure(reason));
    }
}

/// The beginning of a payload.
struct Text<'a>(&'a [u8]);

impl Payload for Text<'_> {
    fn word(&self, offset: u32) -> u64 {
        let mut bytes = [0; 8];
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        for (byte, of_text) in bytes.iter_mut().zip(rest) {
            *byte = *of_text;
        }
        u64::from_le_bytes(bytes)
    }
}

/// A connection as the programs follow it: without an entry until a segment deserves one, and with a new entry when
/// another connection replaces it.
#[derive(Default)]
pub(crate) struct Connection {
    pub(crate) flow: Option<TcpFlow>,
    now_ns: u64,
}

impl Connection {
    /// Passes a segment `later` nanoseconds after the previous one. Returns what it revealed, except for doubts about
    /// responses, because its payload is no request.
    pub(crate) fn pass(&mut self, later: u64, segment: Segment) -> Vec<Found> {
        let mut found = self.pass_text(later, segment, b"");
        found.retain(|found| !matches!(found, Found::Unsure(_)));
        found
    }

    /// Passes a segment whose payload begins with `text`. Returns what it revealed.
    pub(crate) fn pass_text(&mut self, later: u64, segment: Segment, text: &[u8]) -> Vec<Found> {
        self.now_ns += later;
        let segment = Segment { now_ns: self.now_ns, ..segment };
        if self.flow.is_none() && segment.deserves_entry() {
            self.flow = Some(TcpFlow::new(&segment));
        }
        let Some(flow) = &mut self.flow else { return Vec::new() };
        if flow.is_replaced_by(&segment, Atomics) {
            *flow = TcpFlow::new(&segment);
        }
        let mut found = List::default();
        flow.observe(&segment, &Text(text), Atomics, &mut found);
        found.0
    }

    /// Returns a connection that a client on this side has opened. The client's data begin at sequence number `ours`,
    /// the server's at `theirs`.
    pub(crate) fn opened(ours: u32, theirs: u32) -> Self {
        let mut connection = Self { flow: None, now_ns: 1_000_000 };
        connection.pass(1, syn(EGRESS, ours.wrapping_sub(1)));
        connection.pass(100, syn_ack(INGRESS, theirs.wrapping_sub(1), ours));
        let found = connection.pass(10, ack(EGRESS, ours, theirs));
        assert_eq!(found, [Event(TcpEvent::Opened)]);
        connection
    }
}

pub(crate) fn segment(hook: usize, flags: u8, seq: u32, ack: u32, payload: u32) -> Segment {
    Segment { hook, now_ns: 0, seq, ack, flags, window: 500, payload, frame: 66 + payload, segments: 1 }
}

pub(crate) fn syn(hook: usize, seq: u32) -> Segment {
    segment(hook, SYN, seq, 0, 0)
}

pub(crate) fn syn_ack(hook: usize, seq: u32, acknowledged: u32) -> Segment {
    segment(hook, SYN | ACK, seq, acknowledged, 0)
}

pub(crate) fn ack(hook: usize, seq: u32, acknowledged: u32) -> Segment {
    segment(hook, ACK, seq, acknowledged, 0)
}

pub(crate) fn data(hook: usize, seq: u32, acknowledged: u32, payload: u32) -> Segment {
    segment(hook, ACK | PSH, seq, acknowledged, payload)
}

pub(crate) fn fin(hook: usize, seq: u32, acknowledged: u32) -> Segment {
    segment(hook, ACK | FIN, seq, acknowledged, 0)
}

pub(crate) use Found::{Event, Reordered, Retransmits};

fn handshake(ns: u64) -> Found {
    Found::RoundTrip(RoundTrip::TcpHandshake, ns)
}

pub(crate) fn rtt(ns: u64) -> Found {
    Found::RoundTrip(RoundTrip::TcpRtt, ns)
}

#[test]
fn a_handshake_is_timed_from_either_side_and_opens_the_connection() {
    for (client, server) in [(EGRESS, INGRESS), (INGRESS, EGRESS)] {
        let mut connection = Connection::default();
        assert_eq!(connection.pass(7, syn(client, 99)), []);
        assert_eq!(connection.pass(250, syn_ack(server, 499, 100)), [handshake(250)]);
        assert_eq!(connection.pass(9, ack(client, 100, 500)), [Event(TcpEvent::Opened)]);
        assert_eq!(connection.pass(9, ack(client, 100, 500)), []);
    }
}

#[test]
fn a_retransmitted_syn_gives_no_sample_and_still_opens() {
    let mut connection = Connection::default();
    connection.pass(7, syn(EGRESS, 99));
    assert_eq!(connection.pass(1_000, syn(EGRESS, 99)), [Retransmits(EGRESS, 1)]);
    assert_eq!(connection.pass(250, syn_ack(INGRESS, 499, 100)), []);
    assert_eq!(connection.pass(9, ack(EGRESS, 100, 500)), [Event(TcpEvent::Opened)]);
}

#[test]
fn a_second_syn_ack_is_a_retransmission_and_no_second_sample() {
    let mut connection = Connection::default();
    connection.pass(7, syn(EGRESS, 99));
    assert_eq!(connection.pass(250, syn_ack(INGRESS, 499, 100)), [handshake(250)]);
    assert_eq!(connection.pass(250, syn_ack(INGRESS, 499, 100)), [Retransmits(INGRESS, 1)]);
    assert_eq!(connection.pass(9, ack(EGRESS, 100, 500)), [Event(TcpEvent::Opened)]);
}

#[test]
fn data_that_left_is_timed_until_it_is_acknowledged_in_full() {
    let mut connection = Connection::opened(100, 500);
    assert_eq!(connection.pass(1, data(EGRESS, 100, 500, 1000)), []);
    assert_eq!(connection.pass(1, data(EGRESS, 1100, 500, 1000)), []);
    // Only a part of the first segment is acknowledged.
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 600)), []);
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 1100)), [rtt(11)]);
    // The second segment was not timed.
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 2100)), []);
    connection.pass(1, data(EGRESS, 2100, 500, 10));
    assert_eq!(connection.pass(3, ack(INGRESS, 500, 2110)), [rtt(3)]);
}

#[test]
fn retransmitted_data_gives_no_round_trip() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 1000));
    assert_eq!(connection.pass(200, data(EGRESS, 100, 500, 1000)), [Retransmits(EGRESS, 1)]);
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 1100)), []);
    // Later data does.
    connection.pass(1, data(EGRESS, 1100, 500, 1000));
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 2100)), [rtt(5)]);
}

#[test]
fn a_new_connection_on_the_same_ports_begins_without_state() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 80));
    // The client was restarted: it sent no FIN, and chose another sequence number.
    assert_eq!(connection.pass(1, syn(EGRESS, 70_000)), []);
    assert_eq!(connection.pass(12, syn_ack(INGRESS, 90_000, 70_001)), [handshake(12)]);
    assert_eq!(connection.pass(1, ack(EGRESS, 70_001, 90_001)), [Event(TcpEvent::Opened)]);
    // What was being timed in the old connection does not end in the new one.
    connection.pass(1, data(EGRESS, 70_001, 90_001, 10));
    assert_eq!(connection.pass(8, ack(INGRESS, 90_001, 70_011)), [rtt(8)]);
}

#[test]
fn a_sequence_number_of_zero_is_valid() {
    let mut connection = Connection::default();
    connection.pass(1, syn(EGRESS, u32::MAX));
    assert_eq!(connection.pass(5, syn_ack(INGRESS, u32::MAX, 0)), [handshake(5)]);
    connection.pass(1, ack(EGRESS, 0, 0));
    connection.pass(1, data(EGRESS, 0, 0, 10));
    assert_eq!(connection.pass(6, ack(INGRESS, 0, 10)), [rtt(6)]);
}

#[test]
fn packets_and_bytes_of_a_connection_are_kept_by_hook() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 1000));
    let flow = connection.flow.unwrap();
    assert_eq!((flow.packet_count(EGRESS), flow.packet_count(INGRESS)), (3, 1));
    assert_eq!((flow.bytes[EGRESS], flow.bytes[INGRESS]), (3 * 66 + 1000, 66));
}

#[test]
fn more_than_four_thousand_million_packets_are_counted() {
    let mut connection = Connection::opened(100, 500);
    connection.flow.as_mut().unwrap().packets[EGRESS] = u32::MAX;
    connection.pass(1, ack(EGRESS, 100, 500));
    assert_eq!(connection.flow.unwrap().packet_count(EGRESS), 1 << 32);
}

#[test]
fn a_syn_ack_that_answers_another_syn_is_no_handshake() {
    let mut connection = Connection::default();
    connection.pass(1, syn(EGRESS, 99));
    assert_eq!(connection.pass(5, syn_ack(INGRESS, 499, 5_000)), []);
    assert_eq!(connection.pass(5, syn_ack(INGRESS, 899, 100)), [handshake(10)]);
}

#[test]
fn a_forged_syn_ack_changes_nothing_on_an_open_connection() {
    let mut connection = Connection::opened(100, 500);
    assert_eq!(connection.pass(5, syn_ack(INGRESS, 90_000, 100)), []);
    assert_eq!(connection.pass(1, data(INGRESS, 500, 100, 10)), []);
    assert_eq!(connection.pass(1, data(INGRESS, 510, 100, 10)), []);
}

#[test]
fn a_syn_that_is_repeated_on_an_open_connection_does_not_begin_another() {
    let mut connection = Connection::opened(100, 500);
    assert_eq!(connection.pass(1, syn(EGRESS, 99)), [Retransmits(EGRESS, 1)]);
    assert_eq!(connection.pass(1, data(EGRESS, 100, 500, 10)), []);
    assert_eq!(connection.pass(7, ack(INGRESS, 500, 110)), [rtt(7)]);
}

#[test]
fn a_connection_without_its_beginning_is_found_once() {
    let mut connection = Connection::default();
    // There is no entry before there is data.
    assert_eq!(connection.pass(1, ack(EGRESS, 100, 500)), []);
    assert!(connection.flow.is_none());
    assert_eq!(connection.pass(1, data(EGRESS, 100, 500, 80)), [Event(TcpEvent::Found)]);
    assert_eq!(connection.pass_text(20, data(INGRESS, 500, 180, 1000), b"200"), [rtt(20)]);
    assert_eq!(connection.pass_text(20, data(EGRESS, 180, 1500, 80), b"GET / "), []);
    assert_eq!(connection.pass_text(20, data(INGRESS, 1500, 260, 80), b"200"), [rtt(20)]);
}
