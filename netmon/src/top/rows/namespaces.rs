//! A row for each namespace: what was sent to it and from it over all its links, and what it dropped.

use std::collections::HashMap;

use netmon_model::names::{NsName, Side};

use super::{TREND, about, bad_rate, rate};
use crate::top::{
    condition::Condition,
    data::{Frame, Namespace, SIDES},
    figures::to_f64,
    palette::Tone,
    state::{RECENT_SECONDS, State},
    table::{Cell, Column, Kind, Row, Table, column},
    window::{self, Window, over_time},
};

const COLUMNS: [Column; 9] = [
    column("NAMESPACE", Kind::Name, 16, 0),
    column("LINKS", Kind::Figure, 5, 4),
    column("IN B/S", Kind::Figure, 6, 1),
    column("OUT B/S", Kind::Figure, 7, 2),
    column("RETR/S", Kind::Figure, 6, 6),
    column("DROP/S", Kind::Figure, 6, 3),
    column("SERVICES", Kind::Figure, 8, 8),
    column("PROBES", Kind::Word, 8, 7),
    column("TREND", Kind::Trend, 8, 5),
];

/// What passed the ends of a namespace in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    /// Bits per second that were sent to it. `None` if no end is known.
    into: Option<f64>,
    /// Bits per second that it sent.
    out: Option<f64>,
    retransmits: Option<f64>,
    dropped: Option<f64>,
}

pub(super) fn table(state: &State) -> Table {
    let (shown, recent) = (windows(state, &state.shown()), windows(state, &state.last(RECENT_SECONDS)));
    let (all, interval_ms) = (state.all(), to_f64(1000 * state.interval));
    let ends = ends(state);
    let rows = state.topology.namespaces.iter().map(|namespace| {
        let ends = ends.get(&namespace.name).map_or(&[][..], Vec::as_slice);
        let trend = over_time(&all, TREND, interval_ms, |frame| {
            let bits = ends.iter().filter_map(|(index, _)| window::bits(frame, *index));
            bits.reduce(|one, other| one + other)
        });
        row(state, namespace, ends, (&shown, &recent), trend)
    });
    Table::new(&COLUMNS, rows.collect())
}

fn windows(state: &State, frames: &[&Frame]) -> Vec<Window> {
    (0..state.topology.links.len()).map(|index| Window::of(frames.iter().copied(), index)).collect()
}

/// Returns the ends in each namespace: the position of their link, and their side.
fn ends(state: &State) -> HashMap<&NsName, Vec<(usize, Side)>> {
    let mut ends: HashMap<&NsName, Vec<(usize, Side)>> = HashMap::new();
    for (index, link) in state.topology.links.iter().enumerate() {
        for side in SIDES {
            if let Some(end) = &link.ends[side] {
                ends.entry(&end.namespace).or_default().push((index, side));
            }
        }
    }
    ends
}

fn traffic(ends: &[(usize, Side)], windows: &[Window]) -> Traffic {
    let mut traffic = Traffic::default();
    for (index, side) in ends {
        let Some(window) = windows.get(*index) else { continue };
        let end = window.ends[*side];
        traffic.into = sum(traffic.into, window.bits_from(side.peer()));
        traffic.out = sum(traffic.out, window.bits_from(*side));
        traffic.retransmits = sum(traffic.retransmits, window.per_second(end.retransmits));
        traffic.dropped = sum(traffic.dropped, end.dropped.and_then(|dropped| window.per_second(dropped)));
    }
    traffic
}

fn sum(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.zip(other).map(|(one, other)| one + other).or(one).or(other)
}

/// Returns the most urgent condition of the links of a namespace.
fn worst(state: &State, ends: &[(usize, Side)], recent: &[Window]) -> Condition {
    let conditions =
        ends.iter().map(|(index, _)| Condition::of(&state.topology.links[*index], &recent[*index]));
    conditions.min().unwrap_or(Condition::Up)
}

fn row(
    state: &State,
    namespace: &Namespace,
    ends: &[(usize, Side)],
    (shown, recent): (&[Window], &[Window]),
    trend: Vec<f64>,
) -> Row {
    let (worst, traffic) = (worst(state, ends, recent), traffic(ends, shown));
    let name = state.safe(&namespace.name);
    let count = |count: usize| Cell::figure(count.to_string(), Some(to_f64(count as u64)));
    let cells = vec![
        Cell::name(name.clone()),
        count(ends.len()),
        rate(traffic.into),
        rate(traffic.out),
        rate(traffic.retransmits),
        bad_rate(traffic.dropped),
        count(namespace.services.len()),
        probes(state, &namespace.name),
        Cell::trend(trend),
    ];
    let contents = namespace.bridges.iter().chain(&namespace.services).map(|what| state.safe(what));
    let contents = contents.collect::<Vec<_>>().join(", ");
    let haystack = format!("{} {contents}", namespace.name).to_lowercase();
    let parts = [(Tone::Strong, name), (Tone::Plain, contents)];
    let mark = (worst.sign(), worst.tone());
    Row { key: namespace.name.to_string(), mark, cells, haystack, about: about(state.palette, parts) }
}

/// How the probes from a namespace are: `2 ok`, `1 failed`.
fn probes(state: &State, namespace: &NsName) -> Cell {
    let probes = || state.topology.probes.iter().filter(|probe| probe.from == *namespace);
    let failed = probes().filter(|probe| probe.success == Some(false)).count();
    match (probes().count(), failed) {
        (0, _) => Cell::name(String::new()),
        (all, 0) => Cell::name(format!("{all} ok")).toned(Tone::Good),
        (_, failed) => Cell::name(format!("{failed} failed")).toned(Tone::Bad),
    }
}
