//! An example for snapshots: the lab `direct` as its agent reports it, with round numbers that can be checked by eye.

use std::collections::BTreeMap;

use netmon_model::{fixtures, snapshot::AttachMode};

use crate::api::{
    Amounts, Audit, DeclaredImpairment, Hook, LinkDirection, Links, Measured, Part, Parts, Perspective,
    Probe, RoundTripParts, RoundTrips, Summary,
};

/// The link of the lab after a few pings and requests, without any problem.
pub(crate) fn links() -> Links {
    let mut links = Links::without_rates(&fixtures::direct());
    links.window_seconds = Some(5.0);
    let link = &mut links.links[0];
    (link.a.egress, link.a.ingress) = (hook(1_234, 50.0), hook(1_100, 25.0));
    link.a.round_trips = round_trips(9_000, 52_000_000);
    link.a.dropped_packets = Some(BTreeMap::from([("NO_SOCKET".to_owned(), 0)]));
    let b = link.b.as_mut().unwrap();
    (b.egress, b.ingress) = (hook(1_100, 25.0), hook(1_234, 50.0));
    b.round_trips = round_trips(2_000, 50_000_000);
    b.dropped_packets = None;
    fill(link.a_to_b.as_mut().unwrap(), 0);
    fill(link.b_to_a.as_mut().unwrap(), 3);
    let seen_from_a = Perspective { icmp: Some(parts()), ..Perspective::default() };
    link.round_trip_parts = RoundTripParts { seen_from_a, seen_from_b: Perspective::default() };
    links
}

/// An impairment of 10 % loss, as an agent measures it.
pub(crate) fn impairment() -> DeclaredImpairment {
    let declared = Amounts { loss_ppm: Some(100_000), ..Amounts::default() };
    let measured = Measured {
        loss_ppm: Some(98_000),
        sent_segments: 1_000,
        lost_segments: Some(98),
        ..Measured::default()
    };
    DeclaredImpairment { declared, measured }
}

/// A probe that succeeds, one that fails, and one without an attempt yet.
pub(crate) fn probes() -> Vec<Probe> {
    let up = Probe {
        from: "root".parse().unwrap(),
        name: "web".to_owned(),
        kind: "http".to_owned(),
        target: "http://10.200.0.3/".to_owned(),
        interval_ns: 1_000_000_000,
        success: Some(true),
        last_ns: Some(700_000),
        error: None,
        duration: summary(30, 700_000),
        failures: 1,
    };
    let down = Probe {
        name: "10.200.0.3:81".to_owned(),
        kind: "tcp".to_owned(),
        success: Some(false),
        error: Some("no connection within 1s".to_owned()),
        duration: summary(3, 50_000),
        failures: 7,
        ..up.clone()
    };
    let starting = Probe {
        name: "10.200.0.3".to_owned(),
        kind: "icmp".to_owned(),
        success: None,
        duration: Summary::default(),
        failures: 0,
        ..up.clone()
    };
    vec![up, down, starting]
}

/// Packets of 98 bytes.
fn hook(packets: u64, packets_per_second: f64) -> Hook {
    Hook {
        attached: Some(AttachMode::Tcx),
        packets,
        bytes: 98 * packets,
        segments: packets,
        wire_bytes: 98 * packets,
        packets_per_second: Some(packets_per_second),
        bytes_per_second: Some(98.0 * packets_per_second),
        segments_per_second: Some(packets_per_second),
        wire_bytes_per_second: Some(98.0 * packets_per_second),
        protocols: BTreeMap::new(),
        audit: Some(Audit {
            taken_at_unix_ms: 0,
            hook_packets: packets,
            kernel_packets: packets + 803,
            explained_packets: BTreeMap::from([("queued".to_owned(), 0), ("segmented".to_owned(), -803)]),
            difference_packets: 0,
        }),
    }
}

fn fill(direction: &mut LinkDirection, lost: u64) {
    direction.latency = Some(summary(1_000, 4_100));
    direction.recent_latency = None;
    direction.lost_segments = Some(lost);
    direction.impairment = None;
}

fn round_trips(echo_ns: u64, response_ns: u64) -> RoundTrips {
    RoundTrips {
        icmp: Some(summary(20, echo_ns)),
        tcp_handshake: None,
        tcp_rtt: None,
        tcp_response: Some(summary(3, response_ns)),
        dns: None,
        icmp_unanswered: 0,
        icmp_waiting: 0,
        icmp_repeated: 0,
        icmp_unsampled: 0,
        dns_unanswered: 0,
        dns_waiting: 0,
        dns_repeated: 0,
        dns_unsampled: 0,
        tcp_connections: BTreeMap::from(["opened", "closed"].map(|event| (event.to_owned(), 3))),
        tcp_retransmits_ingress: 0,
        tcp_retransmits_egress: 0,
        tcp_reordered_ingress: 0,
        tcp_reordered_egress: 0,
        tcp_unsure_responses: BTreeMap::new(),
        dns_responses: BTreeMap::new(),
    }
}

fn parts() -> Parts {
    let part = |mean_ns| Part { mean_ns, samples: 20 };
    Parts {
        round_trip: part(9_000),
        forward: part(3_500),
        turnaround: part(2_000),
        back: part(3_500),
        sum_ns: 9_000,
        difference_ns: 0,
        same_packets: true,
    }
}

/// Durations around a mean: the median is the mean, and the 99th percentile twice that.
fn summary(count: u64, mean_ns: u64) -> Summary {
    Summary {
        count,
        mean_ns: Some(mean_ns),
        p50_ns: Some(mean_ns),
        p99_ns: Some(2 * mean_ns),
        ..Summary::default()
    }
}
