//! Statuses of known labs, compared to the character, with their styles.

use insta::assert_snapshot;
use netmon_model::{drift::Drift, fixtures};

use super::*;
use crate::render::{example, style::visible};

fn rendered(links: &Links) -> String {
    visible(&overview(&"127.0.0.1:9477".parse().unwrap(), links, &[]))
}

/// Removes the round trips of both ends.
fn forget_round_trips(links: &mut Links) {
    let link = &mut links.links[0];
    for end in std::iter::once(&mut link.a).chain(&mut link.b) {
        let trips = &mut end.round_trips;
        (trips.icmp, trips.tcp_handshake, trips.tcp_response) = (None, None, None);
    }
}

#[test]
fn each_direction_has_its_traffic_and_each_end_its_round_trips() {
    let text = overview(&"127.0.0.1:9477".parse().unwrap(), &example::links(), &example::probes());
    assert_snapshot!(visible(&text));
}

#[test]
fn a_link_in_detail_has_the_parts_of_its_round_trips_and_an_audit() {
    assert_snapshot!(visible(&detailed(&"127.0.0.1:9477".parse().unwrap(), &example::links())));
}

#[test]
fn a_value_that_is_not_measured_is_a_dash() {
    let mut links = example::links();
    links.window_seconds = None;
    let link = &mut links.links[0];
    (link.a.egress.packets_per_second, link.a.egress.bytes_per_second) = (None, None);
    let back = link.b_to_a.as_mut().unwrap();
    (back.latency, back.lost_segments) = (None, None);
    assert_snapshot!(rendered(&links));
}

#[test]
fn a_kernel_without_packet_stamps_is_reported() {
    let mut links = example::links();
    let link = &mut links.links[0];
    for direction in link.a_to_b.iter_mut().chain(&mut link.b_to_a) {
        (direction.latency, direction.lost_segments) = (None, None);
    }
    let text = rendered(&links);
    assert!(text.contains("one-way latency and loss need Linux 5.18"), "{text}");
}

#[test]
fn without_round_trips_a_ping_is_suggested() {
    let mut links = example::links();
    forget_round_trips(&mut links);
    assert_snapshot!(rendered(&links));
}

#[test]
fn only_kinds_of_round_trips_that_occurred_have_a_row() {
    let mut links = example::links();
    forget_round_trips(&mut links);
    links.links[0].a.round_trips.tcp_response =
        Some(Summary::from(&fixtures::histogram_of(vec![50_000_000; 3])));
    links.links[0].a.round_trips.icmp = Some(Summary::default());
    assert_snapshot!(rendered(&links));
}

#[test]
fn an_impairment_and_problems_are_shown() {
    let mut links = example::links();
    let link = &mut links.links[0];
    link.a_to_b.as_mut().unwrap().impairment = Some(example::impairment());
    link.a.egress.audit.as_mut().unwrap().difference_packets = 2;
    let trips = &mut link.a.round_trips;
    trips.tcp_connections = [("refused".to_owned(), 5), ("reset".to_owned(), 1)].into();
    (trips.tcp_retransmits_ingress, trips.tcp_retransmits_egress) = (4, 1_000);
    (trips.tcp_reordered_ingress, trips.tcp_reordered_egress) = (12, 0);
    let b = link.b.as_mut().unwrap();
    b.dropped_packets = Some([("NO_SOCKET".to_owned(), 50), ("TCP_CSUM".to_owned(), 0)].into());
    b.round_trips.icmp_unanswered = 3;
    b.round_trips.icmp_repeated = 2;
    b.round_trips.dns_unanswered = 20;
    b.round_trips.dns_repeated = 1;
    assert_snapshot!(rendered(&links));
}

#[test]
fn drops_that_are_at_most_as_many_as_answered_pings_are_explained() {
    let mut trips = example::links().links[0].a.round_trips.clone();
    (trips.icmp, trips.icmp_unsampled) = (None, 10);
    let explained = "dropped, NO_SOCKET: 10 (probably answers that ping has read)";
    assert_eq!(dropped(&trips, "NO_SOCKET", 10), explained);
    assert_eq!(dropped(&trips, "NO_SOCKET", 11), "dropped, NO_SOCKET: 11");
    assert_eq!(dropped(&trips, "TCP_CSUM", 1), "dropped, TCP_CSUM: 1");
}

#[test]
fn hooks_without_a_program_and_interfaces_that_are_down_are_reported_at_the_top() {
    let mut links = example::links();
    links.lab.as_mut().unwrap().persists = true;
    links.links[0].a.drift = vec![Drift::Renamed { to: "eth9".to_owned() }];
    let b = links.links[0].b.as_mut().unwrap();
    b.egress.attached = None;
    b.up = false;
    assert_snapshot!(rendered(&links));
}

#[test]
fn a_lab_without_links() {
    assert_snapshot!(rendered(&Links::without_rates(&fixtures::star(0))));
}

#[test]
fn links_without_a_lab() {
    let mut links = example::links();
    links.lab = None;
    let text = rendered(&links);
    assert!(text.starts_with("no lab, <green>4 of 4 hooks watched</>"), "{text}");
}
