//! Round trips taken apart, as a table: the whole, its three parts, and how well they add up.

use std::time::Duration;

use super::report::of_endpoint;
use crate::{
    api::{Endpoint, Links, Parts, Perspective},
    render::{table::table, units},
};

/// A heading, the table, and what to keep in mind; none where no round trip can be taken apart.
pub(super) fn section(links: &Links) -> Option<String> {
    let mut rows = Vec::new();
    let mut same_packets = true;
    for link in &links.links {
        let perspectives = [&link.round_trip_parts.seen_from_a, &link.round_trip_parts.seen_from_b];
        for (end, sense) in link.ends().zip(perspectives) {
            for (kind, over, parts) in shown(sense, links.window_seconds) {
                same_packets &= parts.same_packets;
                rows.push(row(end, kind, over, &parts));
            }
        }
    }
    let columns = [
        ("SEEN FROM", false),
        ("MEAN OF", false),
        ("OVER", true),
        ("COUNT", true),
        ("ROUND TRIP", true),
        ("LINK THERE", true),
        ("TURN-AROUND", true),
        ("LINK BACK", true),
        ("DIFFERENCE", true),
    ];
    (!rows.is_empty()).then(|| {
        let note = if same_packets { "" } else { OTHERS };
        format!("Round trip = link there + turn-around + link back\n{}{note}", table(columns, rows))
    })
}

/// Said where the parts need not add up.
const OTHERS: &str = "\nThe links' means are over all packets, of which these were a part: so there is a \
                      difference.";

/// Each kind, over the last seconds where there was something, otherwise over all.
fn shown(sense: &Perspective, window: Option<f64>) -> impl Iterator<Item = (&'static str, String, Parts)> {
    let recently = window.map(|window| units::seconds(Duration::from_secs_f64(window)));
    let kinds = [
        ("ICMP echo", sense.recent_icmp, sense.icmp),
        ("TCP handshake", sense.recent_tcp_handshake, sense.tcp_handshake),
    ];
    kinds.into_iter().filter_map(move |(kind, recent, all)| match (recent, &recently) {
        (Some(recent), Some(window)) => Some((kind, window.clone(), recent)),
        _ => Some((kind, "all".to_owned(), all?)),
    })
}

fn row(end: &Endpoint, kind: &str, over: String, parts: &Parts) -> [String; 9] {
    let mean = |part: crate::api::Part| units::duration(part.mean_ns);
    [
        of_endpoint(end),
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

/// In percent of the whole, with a sign.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn difference(parts: &Parts) -> String {
    let percent = 100.0 * parts.difference_ns as f64 / parts.round_trip.mean_ns.max(1) as f64;
    // Rounding first: what would be shown as -0.0 is nothing.
    let percent = (percent * 10.0).round() / 10.0;
    if percent == 0.0 { "0.0 %".to_owned() } else { format!("{percent:+.1} %") }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;
    use crate::api::Part;

    fn parts(round_trip: u64, there: u64, turnaround: u64, back: u64) -> Parts {
        let part = |mean_ns| Part { mean_ns, samples: 200 };
        let sum_ns = there + turnaround + back;
        Parts {
            round_trip: part(round_trip),
            forward: part(there),
            turnaround: part(turnaround),
            back: part(back),
            sum_ns,
            difference_ns: round_trip.cast_signed() - sum_ns.cast_signed(),
            same_packets: true,
        }
    }

    fn links(seen_from_a: Perspective) -> Links {
        let mut links = Links::without_rates(&fixtures::direct());
        links.links[0].round_trip_parts.seen_from_a = seen_from_a;
        links.links[0].round_trip_parts.seen_from_b = Perspective::default();
        links.window_seconds = Some(5.0);
        links
    }

    #[test]
    fn a_row_has_the_whole_its_parts_and_what_is_left_over() {
        let sense = Perspective { icmp: Some(parts(10_000, 2000, 5000, 2500)), ..Perspective::default() };
        let text = section(&links(sense)).unwrap();
        let cells: Vec<_> = text.lines().nth(2).unwrap().split("  ").map(str::trim).collect();
        let cells: Vec<_> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
        let expected =
            ["root:veth0", "ICMP echo", "all", "200", "10.0 µs", "2.00 µs", "5.00 µs", "2.50 µs", "+5.0 %"];
        assert_eq!(cells, expected);
        assert!(!text.contains("all packets"), "{text}");
    }

    #[test]
    fn the_last_seconds_go_before_everything_and_other_packets_are_told() {
        let mut recent = parts(10_000, 2000, 5000, 3000);
        recent.same_packets = false;
        let all = parts(20_000, 2000, 5000, 3000);
        let sense = Perspective { icmp: Some(all), recent_icmp: Some(recent), ..Perspective::default() };
        let text = section(&links(sense)).unwrap();
        assert!(text.contains(" 5 s ") && text.contains("10.0 µs") && !text.contains("20.0 µs"), "{text}");
        assert!(text.contains("0.0 %") && text.ends_with("difference."), "{text}");
    }

    #[test]
    fn without_round_trips_there_is_nothing_to_show() {
        assert_eq!(section(&links(Perspective::default())), None);
    }
}
