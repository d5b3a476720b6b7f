//! A row for each probe: whether it succeeds, how long it took, and how long over time.

use super::{TREND, about, bad_count, duration};
use crate::top::{
    data::{Probe, ProbeFrame},
    figures::{self, to_f64},
    palette::Tone,
    state::State,
    table::{Cell, Column, Kind, Row, Table, column},
    window::over_time,
};

const COLUMNS: [Column; 8] = [
    column("FROM", Kind::Name, 10, 1),
    column("KIND", Kind::Word, 4, 4),
    column("PROBE", Kind::Name, 14, 0),
    column("STATE", Kind::Word, 7, 2),
    column("LAST", Kind::Figure, 6, 3),
    column("FAILED", Kind::Figure, 6, 5),
    column("EVERY", Kind::Figure, 6, 7),
    column("TREND", Kind::Trend, 8, 6),
];

pub(super) fn table(state: &State) -> Table {
    let all = state.all();
    let rows = state.topology.probes.iter().enumerate().map(|(index, probe)| {
        let now = state.frames.back().and_then(|frame| frame.probes.get(index)).copied();
        let trend = over_time(&all, TREND, to_f64(1000 * state.interval), |frame| {
            Some(to_f64(frame.probes.get(index)?.last_ns?))
        });
        row(state, index, probe, now, trend)
    });
    Table::new(&COLUMNS, rows.collect())
}

fn row(state: &State, index: usize, probe: &Probe, now: Option<ProbeFrame>, trend: Vec<f64>) -> Row {
    let (word, tone, sign) = match probe.success {
        Some(true) => ("ok", Tone::Good, " "),
        Some(false) => ("FAILED", Tone::Bad, "!"),
        None => ("waiting", Tone::Dim, " "),
    };
    let (from, name, target) = (state.safe(&probe.from), state.safe(&probe.name), state.safe(&probe.target));
    let cells = vec![
        Cell::name(from.clone()),
        Cell::name(probe.kind.clone()),
        Cell::name(name.clone()),
        Cell::name(word.to_owned()).toned(tone),
        duration(now.and_then(|now| now.last_ns), state),
        bad_count(now.map(|now| now.failures_total), Tone::Warn),
        duration(Some(probe.interval_ns), state),
        Cell::trend(trend).toned(Tone::Latency),
    ];
    let every = figures::duration(probe.interval_ns, state.glyphs.is_ascii);
    let mut parts = vec![(Tone::Strong, name.clone())];
    if probe.name != probe.target {
        parts.push((Tone::Plain, target.clone()));
    }
    parts.push(match &probe.error {
        Some(error) => (Tone::Bad, state.safe(error)),
        None => (Tone::Plain, format!("{} from {from} every {every}", probe.kind)),
    });
    Row {
        key: index.to_string(),
        mark: (sign, tone),
        cells,
        haystack: format!("{from} {} {name} {target} {word}", probe.kind).to_lowercase(),
        about: about(state.palette, parts),
    }
}
