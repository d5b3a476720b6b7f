//! Segments that pass again, for the first time but late, or not at all.

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    endpoint::TcpEvent,
    tcp::Segment,
};

use super::{Connection, Event, Reordered, Retransmits, ack, data, fin, rtt, segment};
use crate::packets::flag::{ACK, FIN, PSH};

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
fn sequence_numbers_may_wrap_around_in_the_middle_of_anything() {
    let before = u32::MAX - 500;
    let mut connection = Connection::opened(before, before);
    connection.pass(1, data(EGRESS, before, before, 1000));
    let ours = before.wrapping_add(1000);
    assert_eq!(connection.pass(9, data(INGRESS, before, ours, 2000)), [rtt(9)]);
    let theirs = before.wrapping_add(2000);
    assert_eq!(connection.pass(1, data(EGRESS, ours, theirs, 10)), []);
    assert_eq!(connection.pass(1, data(EGRESS, before, theirs, 1000)), [Retransmits(EGRESS, 1)]);
}

#[test]
fn a_segment_that_was_overtaken_is_reordered_and_not_retransmitted() {
    for hook in [INGRESS, EGRESS] {
        let mut connection = Connection::opened(500, 500);
        connection.pass(1, data(hook, 500, 500, 100));
        assert_eq!(connection.pass(1, data(hook, 1600, 500, 1000)), []);
        assert_eq!(connection.pass(1, data(hook, 600, 500, 1000)), [Reordered(hook, 1)]);
        assert_eq!(connection.pass(1, data(hook, 2600, 500, 1000)), []);
        // Now all of it has passed.
        assert_eq!(connection.pass(1, data(hook, 600, 500, 1000)), [Retransmits(hook, 1)]);
        assert_eq!(connection.pass(1, data(hook, 1600, 500, 1000)), [Retransmits(hook, 1)]);
    }
}

#[test]
fn a_super_packet_is_split_into_what_passed_before_and_what_did_not() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(INGRESS, 500, 100, 200));
    connection.pass(1, data(INGRESS, 800, 100, 100));
    // Ten segments: the first two and the fourth have passed, the third is late, and the rest is new.
    let big = Segment { segments: 10, ..data(INGRESS, 500, 100, 1000) };
    assert_eq!(connection.pass(1, big), [Retransmits(INGRESS, 3), Reordered(INGRESS, 1)]);
    assert_eq!(connection.pass(1, data(INGRESS, 1500, 100, 100)), []);
}

#[test]
fn a_hole_may_be_filled_from_any_side() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(INGRESS, 1000, 100, 100));
    for seq in [700, 500, 900, 600, 800] {
        assert_eq!(connection.pass(1, data(INGRESS, seq, 100, 100)), [Reordered(INGRESS, 1)], "{seq}");
    }
    for seq in (500..1100).step_by(100) {
        assert_eq!(connection.pass(1, data(INGRESS, seq, 100, 100)), [Retransmits(INGRESS, 1)], "{seq}");
    }
}

#[test]
fn with_more_holes_than_are_remembered_nothing_is_falsely_a_retransmission() {
    let mut connection = Connection::opened(100, 500);
    // Every second of forty segments is missing.
    for n in 0..20 {
        assert_eq!(connection.pass(1, data(INGRESS, 600 + 200 * n, 100, 100)), []);
    }
    for n in 0..20 {
        let late = connection.pass(1, data(INGRESS, 500 + 200 * n, 100, 100));
        assert_eq!(late, [Reordered(INGRESS, 1)], "{n}");
    }
}

#[test]
fn a_byte_that_was_not_acknowledged_is_retransmitted() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 1));
    assert_eq!(connection.pass(200, data(EGRESS, 100, 500, 1)), [Retransmits(EGRESS, 1)]);
    assert_eq!(connection.pass(1, ack(INGRESS, 500, 101)), []);
}

#[test]
fn a_byte_that_was_acknowledged_is_a_keep_alive() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 80));
    connection.pass(1, ack(INGRESS, 500, 180));
    // Linux sends them without data; RFC 9293, 3.8.4 also allows one byte of garbage.
    assert_eq!(connection.pass(9, ack(EGRESS, 179, 500)), []);
    assert_eq!(connection.pass(9, data(EGRESS, 179, 500, 1)), []);
    assert_eq!(connection.pass(1, ack(INGRESS, 500, 180)), []);
}

#[test]
fn a_byte_that_the_window_has_no_room_for_is_a_probe() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 80));
    connection.pass(1, Segment { window: 0, ..ack(INGRESS, 500, 180) });
    for _ in 0..3 {
        assert_eq!(connection.pass(200, data(EGRESS, 180, 500, 1)), []);
        connection.pass(1, Segment { window: 0, ..ack(INGRESS, 500, 180) });
    }
    // There is room again, and the byte is repeated because it was lost.
    connection.pass(1, ack(INGRESS, 500, 180));
    assert_eq!(connection.pass(200, data(EGRESS, 180, 500, 1)), [Retransmits(EGRESS, 1)]);
}

#[test]
fn what_is_repeated_after_both_fins_counts() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, fin(EGRESS, 100, 500));
    connection.pass(1, ack(INGRESS, 500, 101));
    let last = Segment { segments: 5, ..segment(INGRESS, ACK | FIN | PSH, 500, 101, 500) };
    assert_eq!(connection.pass(1, last), []);
    assert_eq!(connection.pass(200, last), [Retransmits(INGRESS, 5)]);
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 1001)), [Event(TcpEvent::Closed)]);
    assert_eq!(connection.pass(200, last), [Retransmits(INGRESS, 5)]);
}

#[test]
fn an_acknowledgment_that_waits_for_a_hole_is_no_round_trip() {
    let mut connection = Connection::opened(100, 500);
    // The first segment has left by another path, or was lost before it came here.
    connection.pass(1, data(EGRESS, 200, 500, 100));
    connection.pass(1, data(EGRESS, 300, 500, 100));
    connection.pass(1, data(EGRESS, 100, 500, 100));
    assert_eq!(connection.pass(9, ack(INGRESS, 500, 400)), []);
    connection.pass(1, data(EGRESS, 400, 500, 100));
    assert_eq!(connection.pass(9, ack(INGRESS, 500, 500)), [rtt(9)]);
}

#[test]
fn after_a_jump_nothing_before_it_counts() {
    for jump in [1 << 20, 1 << 30, (1 << 30) + 5, 3 << 29, 1 << 31, 5 << 29] {
        let mut connection = Connection::opened(100, 500);
        connection.pass(1, data(INGRESS, 500, 100, 100));
        let seq = 600_u32.wrapping_add(jump);
        assert_eq!(connection.pass(1, data(INGRESS, seq, 100, 100)), [], "{jump}");
        let before = connection.pass(1, data(INGRESS, seq.wrapping_sub(100), 100, 100));
        assert_eq!(before, [Reordered(INGRESS, 1)], "{jump}");
        let again = connection.pass(1, data(INGRESS, seq, 100, 100));
        assert_eq!(again, [Retransmits(INGRESS, 1)], "{jump}");
    }
}

#[test]
fn what_precedes_the_first_segment_of_a_found_connection_is_late_and_not_repeated() {
    let mut connection = Connection::default();
    connection.pass(1, data(INGRESS, 1000, 100, 100));
    assert_eq!(connection.pass(1, data(INGRESS, 900, 100, 100)), [Reordered(INGRESS, 1)]);
    assert_eq!(connection.pass(1, data(INGRESS, 900, 100, 100)), [Retransmits(INGRESS, 1)]);
}

#[test]
fn the_counts_of_a_connection_are_those_of_its_endpoint() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(INGRESS, 600, 100, 100));
    connection.pass(1, data(INGRESS, 500, 100, 100));
    connection.pass(1, data(INGRESS, 600, 100, 100));
    let flow = connection.flow.unwrap();
    assert_eq!((flow.retransmits, flow.reordered), ([1, 0], [1, 0]));
}
