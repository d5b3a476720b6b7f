//! A row for each place and reason at which packets ended: dropped by the kernel, or lost between two ends.

use super::{COUNT, about};
use crate::{
    api::{Endpoint, Link, Links},
    top::{
        figures::{self, to_f64},
        palette::Tone,
        state::State,
        table::{Cell, Column, Kind, Row, Table, column},
    },
};

const COLUMNS: [Column; 4] = [
    column("WHERE", Kind::Name, 20, 0),
    column("REASON", Kind::Name, 14, 1),
    column("PACKETS", Kind::Figure, 9, 2),
    column("PKT/S", Kind::Figure, 6, 3),
];

/// The reason of packets that left one end of a link and did not arrive at the other.
const LOST: &str = "lost on the link";

/// Where packets ended, why, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drop {
    /// The link.
    link: String,
    /// The end, or both ends of a direction.
    pub(crate) place: String,
    /// The kernel's reason.
    pub(crate) reason: String,
    /// Packets since the agent began.
    pub(crate) packets: u64,
}

pub(super) fn table(state: &State) -> Table {
    let now = state.details.links.as_ref();
    let earlier = state.details.earlier_links.as_ref();
    let seconds = now.zip(earlier).map(|(now, earlier)| {
        to_f64(now.taken_at_unix_ms.saturating_sub(earlier.taken_at_unix_ms).max(1)) / 1000.0
    });
    let before = earlier.map_or(Vec::new(), |links| of_all(links, state));
    let drops = now.map_or(Vec::new(), |links| of_all(links, state));
    let rows = drops.into_iter().map(|drop| {
        let was = before.iter().find(|was| (&was.place, &was.reason) == (&drop.place, &drop.reason));
        let more = drop.packets.saturating_sub(was.map_or(0, |was| was.packets));
        row(state, drop, seconds.map(|seconds| to_f64(more) / seconds))
    });
    Table::new(&COLUMNS, rows.collect())
}

fn of_all(links: &Links, state: &State) -> Vec<Drop> {
    links.links.iter().flat_map(|link| of_link(link, state)).collect()
}

/// Returns the drops of a link: those of its ends, and those between them.
pub(crate) fn of_link(link: &Link, state: &State) -> Vec<Drop> {
    let mut drops: Vec<Drop> = link.ends().flat_map(|end| of_end(link, end, state)).collect();
    for (direction, _) in link.directions() {
        let Some(packets) = direction.lost_segments.filter(|lost| *lost > 0) else { continue };
        let end = |end: &crate::api::EndpointName| format!("{}:{}", end.namespace, end.interface);
        let place = format!("{} {} {}", end(&direction.from), state.glyphs.right, end(&direction.to));
        let place = state.safe(place);
        drops.push(Drop { link: link.name.to_string(), place, reason: LOST.to_owned(), packets });
    }
    drops
}

fn of_end(link: &Link, end: &Endpoint, state: &State) -> Vec<Drop> {
    let reasons = end.dropped_packets.iter().flatten().filter(|(_, packets)| **packets > 0);
    let of = |(reason, packets): (&String, &u64)| Drop {
        link: link.name.to_string(),
        place: state.safe(format!("{}:{}", end.namespace, end.interface)),
        reason: state.safe(reason),
        packets: *packets,
    };
    reasons.map(of).collect()
}

fn row(state: &State, drop: Drop, per_second: Option<f64>) -> Row {
    let Drop { link, place, reason, packets } = drop;
    let is_going_on = per_second.is_some_and(|rate| rate > 0.0);
    let tone = if is_going_on { Tone::Bad } else { Tone::Plain };
    let parts =
        [(Tone::Strong, place.clone()), (Tone::Plain, format!("{reason}, link {}", state.safe(&link)))];
    Row {
        key: format!("{link} {place} {reason}"),
        mark: if is_going_on { ("!", Tone::Bad) } else { (" ", Tone::Plain) },
        haystack: format!("{link} {place} {reason}").to_lowercase(),
        cells: vec![
            Cell::name(place),
            Cell::name(reason),
            Cell::figure(figures::count(packets, COUNT), Some(to_f64(packets))).toned(tone),
            super::rate(per_second),
        ],
        about: about(state.palette, parts),
    }
}
