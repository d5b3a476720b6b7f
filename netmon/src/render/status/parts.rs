//! The parts of round trips: forward path, turnaround at the other end and return path, and how well they add up.

use std::time::Duration;

use crate::{
    api::{Endpoint, Links, Part, Parts, Perspective},
    render::{endpoint_name, table::table, units},
};

const COLUMNS: [(&str, bool); 9] = [
    ("SEEN FROM", false),
    ("KIND", false),
    ("OVER", true),
    ("COUNT", true),
    ("ROUND TRIP", true),
    ("FORWARD", true),
    ("TURNAROUND", true),
    ("RETURN", true),
    ("DIFFERENCE", true),
];

/// Printed if a difference is to be expected.
const NOTE: &str =
    "\nLink averages cover all packets, not only these requests, so the parts need not add up.";

/// Renders the parts of all links. Returns `None` if no round trip could be split.
pub(super) fn section(links: &Links) -> Option<String> {
    let mut rows = Vec::new();
    let mut same_packets = true;
    for link in &links.links {
        let perspectives = [&link.round_trip_parts.seen_from_a, &link.round_trip_parts.seen_from_b];
        for (end, perspective) in link.ends().zip(perspectives) {
            for (kind, over, parts) in shown(perspective, links.window_seconds) {
                same_packets &= parts.same_packets;
                rows.push(row(end, kind, over, &parts));
            }
        }
    }
    (!rows.is_empty()).then(|| {
        let note = if same_packets { "" } else { NOTE };
        format!("Mean round trip = forward + turnaround + return\n{}{note}", table(COLUMNS, rows))
    })
}

/// Returns each kind of round trip: over the last seconds if there was one, and since the agent began otherwise.
fn shown(
    perspective: &Perspective,
    window: Option<f64>,
) -> impl Iterator<Item = (&'static str, String, Parts)> {
    let recently = window.map(|window| units::seconds(Duration::from_secs_f64(window)));
    let kinds = [
        ("ICMP echo", perspective.recent_icmp, perspective.icmp),
        ("TCP handshake", perspective.recent_tcp_handshake, perspective.tcp_handshake),
    ];
    kinds.into_iter().filter_map(move |(kind, recent, all)| match (recent, &recently) {
        (Some(recent), Some(window)) => Some((kind, window.clone(), recent)),
        _ => Some((kind, "all".to_owned(), all?)),
    })
}

fn row(end: &Endpoint, kind: &str, over: String, parts: &Parts) -> [String; 9] {
    let mean = |part: Part| units::duration(part.mean_ns);
    [
        endpoint_name(&end.namespace, &end.interface),
        kind.to_owned(),
        over,
        units::count(parts.round_trip.samples),
        mean(parts.round_trip),
        mean(parts.forward),
        mean(parts.turnaround),
        mean(parts.back),
        difference(parts),
    ]
}

/// Returns whether more than half of the packets in a link average are others, such as those that fill a queue: then the
/// difference says nothing about these requests.
fn is_of_others(parts: &Parts) -> bool {
    2 * parts.round_trip.samples < parts.forward.samples.max(parts.back.samples)
}

/// Formats the difference as a signed percentage of the round trip.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn difference(parts: &Parts) -> String {
    if is_of_others(parts) {
        return units::NONE.to_owned();
    }
    let percent = 100.0 * parts.difference_ns as f64 / parts.round_trip.mean_ns.max(1) as f64;
    // Round first: a value that would be shown as -0.0 has no sign.
    let percent = (percent * 10.0).round() / 10.0;
    if percent == 0.0 { "0.0 %".to_owned() } else { format!("{percent:+.1} %") }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::example;

    fn parts(round_trip: u64, forward: u64, turnaround: u64, back: u64) -> Parts {
        let part = |mean_ns| Part { mean_ns, samples: 200 };
        let sum_ns = forward + turnaround + back;
        Parts {
            round_trip: part(round_trip),
            forward: part(forward),
            turnaround: part(turnaround),
            back: part(back),
            sum_ns,
            difference_ns: round_trip.cast_signed() - sum_ns.cast_signed(),
            same_packets: true,
        }
    }

    fn links(seen_from_a: Perspective, seen_from_b: Perspective) -> Links {
        let mut links = example::links();
        links.links[0].round_trip_parts.seen_from_a = seen_from_a;
        links.links[0].round_trip_parts.seen_from_b = seen_from_b;
        links
    }

    #[test]
    fn a_round_trip_has_its_parts_and_what_remains() {
        let from_a = Perspective { icmp: Some(parts(10_000, 2000, 5000, 2500)), ..Perspective::default() };
        let from_b =
            Perspective { tcp_handshake: Some(parts(10_000, 2000, 5000, 3000)), ..Perspective::default() };
        assert_snapshot!(section(&links(from_a, from_b)).unwrap());
    }

    #[test]
    fn the_last_seconds_take_precedence_and_averages_of_other_packets_have_a_note() {
        let mut recent = parts(10_000, 2000, 5000, 3000);
        recent.same_packets = false;
        let all = parts(20_000, 2000, 5000, 3000);
        let from_a = Perspective { icmp: Some(all), recent_icmp: Some(recent), ..Perspective::default() };
        assert_snapshot!(section(&links(from_a, Perspective::default())).unwrap());
    }

    #[test]
    fn a_link_with_mostly_other_packets_has_no_difference() {
        let mut parts = parts(10_000, 90_000, 5000, 3000);
        parts.forward.samples = 400;
        assert_eq!(difference(&parts), "-880.0 %");
        parts.forward.samples = 401;
        assert_eq!(difference(&parts), "-");
    }

    #[test]
    fn without_round_trips_there_is_no_table() {
        assert_eq!(section(&links(Perspective::default(), Perspective::default())), None);
    }
}
