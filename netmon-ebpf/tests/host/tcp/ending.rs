//! How connections end, and what does not end them.

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    endpoint::TcpEvent,
    tcp::Segment,
};

use super::{Connection, Event, Retransmits, ack, data, fin, handshake, rtt, segment, syn, syn_ack};
use crate::packets::flag::{ACK, FIN, PSH, RST};

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
fn a_reset_in_answer_to_another_syn_refuses_nothing() {
    let mut connection = Connection::default();
    connection.pass(1, syn(EGRESS, 99));
    assert_eq!(connection.pass(30, segment(INGRESS, RST | ACK, 0, 5_000, 0)), []);
    assert_eq!(connection.pass(30, segment(INGRESS, RST, 0, 0, 0)), []);
    assert_eq!(connection.pass(44, syn_ack(INGRESS, 1, 100)), [handshake(104)]);
}

#[test]
fn a_reset_that_the_receiver_would_ignore_ends_nothing() {
    for (hook, seq) in [(EGRESS, 0x0fff_ffff), (EGRESS, 99), (EGRESS, 102), (INGRESS, 0)] {
        let mut connection = Connection::opened(100, 500);
        connection.pass(1, data(EGRESS, 100, 500, 1));
        connection.pass(1, ack(INGRESS, 500, 101));
        assert_eq!(connection.pass(1, segment(hook, RST, seq, 0, 0)), [], "{hook} {seq}");
        connection.pass(1, data(EGRESS, 101, 500, 9));
        assert_eq!(connection.pass(1, data(EGRESS, 101, 500, 9)), [Retransmits(EGRESS, 1)]);
        connection.pass(1, data(EGRESS, 110, 500, 9));
        assert_eq!(connection.pass(7, data(INGRESS, 500, 119, 10)), [rtt(7)]);
        assert_eq!(connection.pass(1, segment(EGRESS, RST, 119, 0, 0)), [Event(TcpEvent::Reset)]);
    }
}

#[test]
fn a_reset_where_the_receiver_stands_ends_the_connection_while_data_is_under_way() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, data(EGRESS, 100, 500, 50));
    connection.pass(1, ack(INGRESS, 500, 150));
    connection.pass(1, data(EGRESS, 150, 500, 50));
    // The receiver has acknowledged 150, and asks for that in its challenge.
    assert_eq!(connection.pass(1, segment(EGRESS, RST, 150, 0, 0)), [Event(TcpEvent::Reset)]);
}

#[test]
fn a_connection_whose_reset_was_forged_is_followed_on() {
    let mut connection = Connection::opened(100, 500);
    assert_eq!(connection.pass(1, segment(INGRESS, RST, 500, 0, 0)), [Event(TcpEvent::Reset)]);
    // What is under way to the side that is said to have reset proves nothing.
    assert_eq!(connection.pass(1, data(EGRESS, 100, 500, 10)), []);
    assert_eq!(connection.pass(1, segment(INGRESS, RST, 500, 0, 0)), []);
    connection.pass(1, data(INGRESS, 500, 110, 10));
    assert_eq!(connection.pass(1, segment(INGRESS, RST, 510, 0, 0)), [Event(TcpEvent::Reset)]);
}

#[test]
fn a_connection_is_closed_when_both_fins_are_acknowledged() {
    let mut connection = Connection::opened(100, 500);
    assert_eq!(connection.pass(1, fin(EGRESS, 100, 500)), []);
    assert_eq!(connection.pass(1, ack(INGRESS, 500, 101)), []);
    assert_eq!(connection.pass(1, fin(INGRESS, 500, 101)), []);
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 501)), [Event(TcpEvent::Closed)]);
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 501)), []);
    // A late reset is not an event.
    assert_eq!(connection.pass(1, segment(EGRESS, RST, 101, 0, 0)), []);
}

#[test]
fn a_connection_is_not_closed_while_data_before_a_fin_is_missing() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, fin(EGRESS, 100, 500));
    // The server's data is lost before it comes here; only its FIN passes.
    assert_eq!(connection.pass(1, fin(INGRESS, 600, 101)), []);
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 500)), []);
    connection.pass(200, data(INGRESS, 500, 101, 100));
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 601)), [Event(TcpEvent::Closed)]);
}

#[test]
fn both_sides_may_close_at_once_and_with_data() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, segment(EGRESS, ACK | FIN | PSH, 100, 500, 50));
    connection.pass(1, segment(INGRESS, ACK | FIN | PSH, 500, 100, 50));
    assert_eq!(connection.pass(1, ack(EGRESS, 151, 551)), []);
    assert_eq!(connection.pass(1, ack(INGRESS, 551, 151)), [Event(TcpEvent::Closed), rtt(3)]);
}

#[test]
fn a_retransmitted_fin_closes_nothing() {
    let mut connection = Connection::opened(100, 500);
    connection.pass(1, fin(EGRESS, 100, 500));
    assert_eq!(connection.pass(200, fin(EGRESS, 100, 500)), [Retransmits(EGRESS, 1)]);
    assert_eq!(connection.pass(1, fin(INGRESS, 500, 101)), []);
    assert_eq!(connection.pass(200, fin(INGRESS, 500, 101)), [Retransmits(INGRESS, 1)]);
    assert_eq!(connection.pass(1, ack(EGRESS, 101, 501)), [Event(TcpEvent::Closed)]);
}

#[test]
fn a_connection_that_was_found_ends_like_any_other() {
    let mut connection = Connection::default();
    assert_eq!(connection.pass(1, data(EGRESS, 100, 500, 80)), [Event(TcpEvent::Found)]);
    connection.pass(1, data(INGRESS, 500, 180, 1000));
    let reset = Segment { window: 0, ..segment(INGRESS, RST, 1500, 0, 0) };
    assert_eq!(connection.pass(1, reset), [Event(TcpEvent::Reset)]);
}
