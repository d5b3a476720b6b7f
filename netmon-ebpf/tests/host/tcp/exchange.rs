//! Requests and responses: right samples, or none with a reason.

use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    endpoint::{RoundTrip, Unsure},
    tcp::Segment,
};

use super::{Connection, Found, ack, data, rtt, segment, syn, syn_ack};
use crate::packets::flag::{ACK, SYN};

const MS: u64 = 1_000_000;

fn response(ns: u64) -> Found {
    Found::RoundTrip(RoundTrip::TcpResponse, ns)
}

fn unsure(reason: Unsure) -> Found {
    Found::Unsure(reason)
}

/// A connection that a client on this side has opened, and the next sequence numbers of both.
struct Talk {
    connection: Connection,
    ours: u32,
    theirs: u32,
}

impl Talk {
    fn new() -> Self {
        Self { connection: Connection::opened(100, 500), ours: 100, theirs: 500 }
    }

    /// The client sends `text`. Returns what was found out about responses.
    fn client(&mut self, later: u64, text: &str) -> Vec<Found> {
        let sent = data(EGRESS, self.ours, self.theirs, text.len() as u32);
        self.ours += text.len() as u32;
        self.pass(later, sent, text)
    }

    fn server(&mut self, later: u64, text: &str) -> Vec<Found> {
        let sent = data(INGRESS, self.theirs, self.ours, text.len() as u32);
        self.theirs += text.len() as u32;
        self.pass(later, sent, text)
    }

    fn pass(&mut self, later: u64, segment: Segment, text: &str) -> Vec<Found> {
        let mut found = self.connection.pass_text(later, segment, text.as_bytes());
        found.retain(|found| matches!(found, Found::Unsure(_) | Found::RoundTrip(RoundTrip::TcpResponse, _)));
        found
    }
}

#[test]
fn each_request_of_a_persistent_connection_gives_one_response() {
    let mut talk = Talk::new();
    for wait in [50, 70, 90] {
        assert_eq!(talk.client(1, "GET / HTTP/1.1"), []);
        // The request ends with its second segment.
        assert_eq!(talk.client(1, "Host: x"), []);
        assert_eq!(talk.server(wait, "HTTP/1.1 200"), [response(wait)]);
        assert_eq!(talk.server(1, "and more"), []);
    }
}

#[test]
fn the_side_of_the_server_sees_how_long_the_answer_took() {
    let mut connection = Connection::default();
    connection.pass(1, syn(INGRESS, 99));
    connection.pass(4, syn_ack(EGRESS, 499, 100));
    connection.pass(1, ack(INGRESS, 100, 500));
    connection.pass_text(1, data(INGRESS, 100, 500, 80), b"GET / ");
    assert_eq!(connection.pass(1, ack(EGRESS, 500, 180)), []);
    assert_eq!(connection.pass(49, data(EGRESS, 500, 180, 1000)), [response(50)]);
    assert_eq!(connection.pass(6, ack(INGRESS, 180, 1500)), [rtt(6)]);
}

#[test]
fn every_method_begins_a_request_with_and_without_what_follows() {
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for rest in ["", " / HTTP/1.1", " "] {
            let mut talk = Talk::new();
            assert_eq!(talk.client(1, &format!("{method}{rest}")), [], "{method}{rest}");
            assert_eq!(talk.server(5, "HTTP/1.1 200"), [response(5)], "{method}{rest}");
        }
        for wrong in [method.to_lowercase(), format!("{method}S /"), method[1..].to_owned()] {
            assert_eq!(Talk::new().client(1, &wrong), [unsure(Unsure::UnknownProtocol)], "{wrong}");
        }
    }
}

#[test]
fn a_retransmitted_request_is_timed_from_its_first_transmission() {
    let mut talk = Talk::new();
    talk.client(1, "GET / ");
    assert_eq!(talk.pass(200, data(EGRESS, 100, 500, 6), "GET / "), []);
    assert_eq!(talk.server(50, "HTTP/1.1 200"), [response(250)]);
}

#[test]
fn an_upload_is_answered_after_its_last_byte() {
    let mut talk = Talk::new();
    talk.client(1, "POST / HTTP/1.1");
    for _ in 0..100 {
        assert_eq!(talk.client(300 * MS, "a part of the body"), []);
    }
    assert_eq!(talk.server(100, "HTTP/1.1 201"), [response(100)]);
}

#[test]
fn a_hundred_continue_is_a_response_and_so_is_what_follows_the_body() {
    for [interim, last] in [["100 Continue", "200"], ["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"]] {
        let mut talk = Talk::new();
        talk.client(1, "POST / HTTP/1.1");
        assert_eq!(talk.server(3, interim), [response(3)]);
        assert_eq!(talk.client(100 * MS, "body"), []);
        assert_eq!(talk.server(200, last), [response(200)]);
        talk.client(1, "GET / HTTP/1.1");
        assert_eq!(talk.server(4, last), [response(4)]);
    }
}

#[test]
fn a_banner_answers_nothing_and_what_follows_is_no_request() {
    let mut talk = Talk::new();
    assert_eq!(talk.server(1, "220 hello"), []);
    assert_eq!(talk.client(300, "EHLO x"), [unsure(Unsure::UnknownProtocol)]);
    assert_eq!(talk.server(50, "250 ok"), []);
    // Counted once a connection.
    assert_eq!(talk.client(1, "QUIT"), []);
    assert_eq!(talk.client(1, "GET / "), []);
    assert_eq!(talk.server(1, "221"), []);
}

#[test]
fn pipelined_requests_give_no_samples() {
    let mut talk = Talk::new();
    talk.client(1, "GET / ");
    assert_eq!(talk.client(2, "GET /2 "), [unsure(Unsure::Pipelined)]);
    assert_eq!(talk.client(2, "GET /3 "), []);
    for _ in 0..3 {
        assert_eq!(talk.server(50, "HTTP/1.1 200"), []);
    }
    talk.client(1, "GET /4 ");
    assert_eq!(talk.server(50, "HTTP/1.1 200"), []);
}

#[test]
fn a_request_while_a_response_arrives_is_pipelined() {
    let mut talk = Talk::new();
    talk.client(1, "GET / ");
    assert_eq!(talk.server(5, "HTTP/1.1 200"), [response(5)]);
    talk.server(5, "more");
    // The client has acknowledged only the beginning of the response.
    let asked = Segment { ack: 512, ..data(EGRESS, 106, 0, 6) };
    assert_eq!(talk.pass(1, asked, "GET / "), [unsure(Unsure::Pipelined)]);
    talk.ours += 6;
    assert_eq!(talk.server(1, "still the first"), []);
}

#[test]
fn data_long_after_a_request_makes_its_response_unsure() {
    let mut talk = Talk::new();
    talk.client(1, "GET");
    assert_eq!(talk.client(450 * MS, "PING"), [unsure(Unsure::Interleaved)]);
    assert_eq!(talk.server(50 * MS, "slow answer"), []);
}

#[test]
fn data_during_a_response_makes_the_next_ones_unsure() {
    let mut talk = Talk::new();
    talk.client(1, "GET");
    assert_eq!(talk.server(5, "zzzz"), [response(5)]);
    assert_eq!(talk.client(5, "WINDOW_UPDATE"), [unsure(Unsure::Interleaved)]);
    assert_eq!(talk.client(5, "WINDOW_UPDATE"), []);
    assert_eq!(talk.server(5, "zzzz"), []);
}

#[test]
fn a_message_without_a_response_and_a_push_are_no_sample() {
    let mut talk = Talk::new();
    assert_eq!(talk.client(1, "PUBLISH qos 0"), [unsure(Unsure::UnknownProtocol)]);
    assert_eq!(talk.server(3_000 * MS, "unrelated push"), []);
}

#[test]
fn data_in_a_syn_is_a_request() {
    let mut talk = Talk { connection: Connection::default(), ours: 109, theirs: 500 };
    assert_eq!(talk.pass(1, segment(EGRESS, SYN, 99, 0, 9), "GET / tfo"), []);
    let found = talk.connection.pass(5, segment(INGRESS, SYN | ACK, 499, 109, 0));
    assert_eq!(found, [Found::RoundTrip(RoundTrip::TcpHandshake, 5)]);
    assert_eq!(talk.server(45, "200"), [response(50)]);
}

#[test]
fn a_request_that_does_not_pass_in_order_is_not_timed_and_the_next_one_is() {
    let mut talk = Talk::new();
    assert_eq!(talk.pass(1, data(EGRESS, 106, 500, 6), "second"), []);
    assert_eq!(talk.pass(1, data(EGRESS, 100, 500, 6), "GET / "), []);
    talk.ours = 112;
    assert_eq!(talk.server(5, "HTTP/1.1 200"), [unsure(Unsure::OutOfOrder)]);
    talk.client(1, "GET / ");
    assert_eq!(talk.server(5, "HTTP/1.1 200"), [response(5)]);
}

#[test]
fn a_response_whose_beginning_was_overtaken_is_not_timed() {
    let mut talk = Talk::new();
    talk.client(1, "GET / ");
    assert_eq!(talk.pass(5, data(INGRESS, 510, 106, 10), "the rest"), [unsure(Unsure::OutOfOrder)]);
    assert_eq!(talk.pass(5, data(INGRESS, 500, 106, 10), "HTTP/1.1 200"), []);
}

#[test]
fn an_acknowledgment_is_no_response() {
    let mut talk = Talk::new();
    talk.client(1, "GET / ");
    assert_eq!(talk.pass(5, segment(INGRESS, ACK, 500, 106, 0), ""), []);
    assert_eq!(talk.server(5, "HTTP/1.1 200"), [response(10)]);
}
