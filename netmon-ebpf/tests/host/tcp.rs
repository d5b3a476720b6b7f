//! What the segments of a TCP connection reveal at one endpoint, step by step.

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    endpoint::{RoundTrip, TcpEvent},
    flow::TcpFlow,
    tcp::{Findings, Segment},
};

use crate::packets::flag::{ACK, FIN, PSH, RST, SYN};

/// A finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    RoundTrip(RoundTrip, u64),
    Event(TcpEvent),
    Retransmits(usize, u32),
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

    fn retransmits(&mut self, hook: usize, segments: u32) {
        self.0.push(Retransmits(hook, segments));
    }
}

/// A connection as the programs follow it: without an entry until a segment deserves one, and with a new entry when
/// another connection replaces it.
#[derive(Default)]
struct Connection {
    flow: Option<TcpFlow>,
    now_ns: u64,
}

impl Connection {
    /// Passes a segment `later` nanoseconds after the previous one. Returns what it revealed.
    fn pass(&mut self, later: u64, segment: Segment) -> Vec<Found> {
        self.now_ns += later;
        let segment = Segment { now_ns: self.now_ns, ..segment };
        if self.flow.is_none() && segment.deserves_entry() {
            self.flow = Some(TcpFlow::new(&segment));
        }
        let Some(flow) = &mut self.flow else { return Vec::new() };
        if flow.is_replaced_by(&segment) {
            *flow = TcpFlow::new(&segment);
        }
        let mut found = List::default();
        flow.observe(&segment, &mut found);
        found.0
    }

    /// Returns a connection that a client on this side has opened. The client's data begin at sequence number `ours`,
    /// the server's at `theirs`.
    fn opened(ours: u32, theirs: u32) -> Self {
        let mut connection = Self { flow: None, now_ns: 1_000_000 };
        connection.pass(1, syn(EGRESS, ours.wrapping_sub(1)));
        connection.pass(100, syn_ack(INGRESS, theirs.wrapping_sub(1), ours));
        let found = connection.pass(10, ack(EGRESS, ours, theirs));
        assert_eq!(found, [Event(TcpEvent::Opened)]);
        connection
    }
}

fn segment(hook: usize, flags: u8, seq: u32, ack: u32, payload: u32) -> Segment {
    Segment { hook, now_ns: 0, seq, ack, flags, payload, frame: 66 + payload, segments: 1 }
}

fn syn(hook: usize, seq: u32) -> Segment {
    segment(hook, SYN, seq, 0, 0)
}

fn syn_ack(hook: usize, seq: u32, acknowledged: u32) -> Segment {
    segment(hook, SYN | ACK, seq, acknowledged, 0)
}

fn ack(hook: usize, seq: u32, acknowledged: u32) -> Segment {
    segment(hook, ACK, seq, acknowledged, 0)
}

fn data(hook: usize, seq: u32, acknowledged: u32, payload: u32) -> Segment {
    segment(hook, ACK | PSH, seq, acknowledged, payload)
}

fn fin(hook: usize, seq: u32, acknowledged: u32) -> Segment {
    segment(hook, ACK | FIN, seq, acknowledged, 0)
}

use Found::{Event, Retransmits};

fn handshake(ns: u64) -> Found {
    Found::RoundTrip(RoundTrip::TcpHandshake, ns)
}

fn rtt(ns: u64) -> Found {
    Found::RoundTrip(RoundTrip::TcpRtt, ns)
}

fn response(ns: u64) -> Found {
    Found::RoundTrip(RoundTrip::TcpResponse, ns)
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
fn each_request_of_a_persistent_connection_gives_one_response() {
    let mut connection = Connection::opened(100, 500);
    let (mut ours, mut theirs) = (100, 500);
    for wait in [50, 70, 90] {
        connection.pass(1, data(EGRESS, ours, theirs, 80));
        // The request ends with its second segment.
        connection.pass(1, data(EGRESS, ours + 80, theirs, 20));
        ours += 100;
        let found = connection.pass(wait, data(INGRESS, theirs, ours, 1000));
        assert_eq!(found, [rtt(wait + 1), response(wait)]);
        assert_eq!(connection.pass(1, data(INGRESS, theirs + 1000, ours, 1000)), []);
        theirs += 2000;
    }
}

#[test]
fn the_side_of_the_server_sees_how_long_the_answer_took() {
    let mut connection = Connection::default();
    connection.pass(1, syn(INGRESS, 99));
    connection.pass(4, syn_ack(EGRESS, 499, 100));
    connection.pass(1, ack(INGRESS, 100, 500));
    connection.pass(1, data(INGRESS, 100, 500, 80));
    assert_eq!(connection.pass(1, ack(EGRESS, 500, 180)), []);
    assert_eq!(connection.pass(49, data(EGRESS, 500, 180, 1000)), [response(50)]);
    assert_eq!(connection.pass(6, ack(INGRESS, 180, 1500)), [rtt(6)]);
}

#[test]
fn a_retransmitted_request_is_timed_from_its_first_transmission() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 80));
    connection.pass(200, data(EGRESS, 100, 500, 80));
    assert_eq!(connection.pass(50, data(INGRESS, 500, 180, 10)), [response(250)]);
}

#[test]
fn a_syn_that_is_answered_by_a_reset_is_refused() {
    let mut connection = Connection::default();
    connection.pass(1, syn(EGRESS, 99));
    let reset = segment(INGRESS, RST | ACK, 0, 100, 0);
    assert_eq!(connection.pass(30, reset), [Event(TcpEvent::Refused)]);
    assert_eq!(connection.pass(30, reset), []);
    // The next attempt from the same port is another connection.
    connection.pass(1, syn(EGRESS, 5_000));
    assert_eq!(connection.pass(44, syn_ack(INGRESS, 1, 5_001)), [handshake(44)]);
}

#[test]
fn a_client_that_resets_its_own_attempt_was_not_refused() {
    let mut connection = Connection::default();
    connection.pass(1, syn(EGRESS, 99));
    assert_eq!(connection.pass(30, segment(EGRESS, RST, 100, 0, 0)), []);
}

#[test]
fn a_reset_of_an_open_connection_counts_from_either_side() {
    for hook in [EGRESS, INGRESS] {
        let mut connection = Connection::opened(100, 500);
        let reset = segment(hook, RST, if hook == EGRESS { 100 } else { 500 }, 0, 0);
        assert_eq!(connection.pass(30, reset), [Event(TcpEvent::Reset)]);
        assert_eq!(connection.pass(30, reset), []);
    }
}

#[test]
fn a_connection_is_closed_after_both_sides_have_sent_a_fin() {
    let mut connection = Connection::opened(100, 500);
    assert_eq!(connection.pass(1, fin(EGRESS, 100, 500)), []);
    assert_eq!(connection.pass(1, ack(INGRESS, 500, 101)), []);
    assert_eq!(connection.pass(1, fin(INGRESS, 500, 101)), [Event(TcpEvent::Closed)]);
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 501)), []);
    // A late reset is not an event.
    assert_eq!(connection.pass(1, segment(EGRESS, RST, 101, 0, 0)), []);
}

#[test]
fn both_sides_may_close_at_once_and_with_data() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, segment(EGRESS, ACK | FIN | PSH, 100, 500, 50));
    let found = connection.pass(1, segment(INGRESS, ACK | FIN | PSH, 500, 100, 50));
    assert!(found.contains(&Event(TcpEvent::Closed)), "{found:?}");
    assert_eq!(connection.pass(1, ack(EGRESS, 151, 551)), []);
    assert_eq!(connection.pass(1, ack(INGRESS, 551, 151)), []);
}

#[test]
fn a_retransmitted_fin_closes_nothing() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, fin(EGRESS, 100, 500));
    assert_eq!(connection.pass(200, fin(EGRESS, 100, 500)), [Retransmits(EGRESS, 1)]);
    assert_eq!(connection.pass(1, fin(INGRESS, 500, 101)), [Event(TcpEvent::Closed)]);
}

#[test]
fn keep_alive_probes_are_not_retransmissions() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 80));
    connection.pass(1, ack(INGRESS, 500, 180));
    // Linux sends them without data; RFC 9293, 3.8.4 also allows one byte of garbage.
    assert_eq!(connection.pass(9, ack(EGRESS, 179, 500)), []);
    assert_eq!(connection.pass(9, data(EGRESS, 179, 500, 1)), []);
    assert_eq!(connection.pass(1, ack(INGRESS, 500, 180)), []);
}

#[test]
fn data_that_arrives_after_later_data_counts_as_retransmitted() {
    // If only one copy is seen, a reordered segment looks like one that was lost and retransmitted.
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(INGRESS, 1500, 100, 1000));
    assert_eq!(connection.pass(1, data(INGRESS, 500, 100, 1000)), [Retransmits(INGRESS, 1)]);
    assert_eq!(connection.pass(1, data(INGRESS, 2500, 100, 1000)), []);
}

#[test]
fn a_connection_older_than_the_agent_gives_round_trips_but_no_responses() {
    let mut connection = Connection::default();
    // There is no entry before there is data.
    assert_eq!(connection.pass(1, ack(EGRESS, 100, 500)), []);
    assert!(connection.flow.is_none());
    connection.pass(1, data(EGRESS, 100, 500, 80));
    assert_eq!(connection.pass(20, data(INGRESS, 500, 180, 1000)), [rtt(20)]);
    assert_eq!(connection.pass(1, segment(INGRESS, RST, 1500, 0, 0)), [Event(TcpEvent::Reset)]);
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
fn sequence_numbers_may_wrap_around_in_the_middle_of_anything() {
    let before = u32::MAX - 500;
    let mut connection = Connection::opened(before, before);
    connection.pass(1, data(EGRESS, before, before, 1000));
    let ours = before.wrapping_add(1000);
    assert_eq!(connection.pass(9, data(INGRESS, before, ours, 2000)), [rtt(9), response(9)]);
    let theirs = before.wrapping_add(2000);
    assert_eq!(connection.pass(1, data(EGRESS, ours, theirs, 10)), []);
    assert_eq!(connection.pass(1, data(EGRESS, before, theirs, 1000)), [Retransmits(EGRESS, 1)]);
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
fn a_super_packet_is_one_sample_and_as_many_retransmissions_as_it_has_segments() {
    let mut connection = Connection::opened(100, 500);
    let big = Segment { segments: 44, ..data(EGRESS, 100, 500, 62_000) };
    assert_eq!(connection.pass(1, big), []);
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 30_100)), []);
    assert_eq!(connection.pass(5, ack(INGRESS, 500, 62_100)), [rtt(10)]);
    assert_eq!(connection.pass(1, big), [Retransmits(EGRESS, 44)]);
}

#[test]
fn packets_and_bytes_of_a_connection_are_kept_by_hook() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 1000));
    let flow = connection.flow.unwrap();
    assert_eq!((flow.packets[EGRESS], flow.packets[INGRESS]), (3, 1));
    assert_eq!((flow.bytes[EGRESS], flow.bytes[INGRESS]), (3 * 66 + 1000, 66));
}
