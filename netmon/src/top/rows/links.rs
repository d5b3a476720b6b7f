//! A row for each link: both directions' rates, and the worse of both directions' latencies.

use netmon_model::names::Side;

use super::{TREND, about, bad_count, duration, rate};
use crate::top::{
    condition::{self, Condition},
    data::Link,
    figures::{self, to_f64},
    palette::Tone,
    state::{RECENT_SECONDS, State},
    table::{Cell, Column, Kind, Row, Table, column},
    window::{Window, bits, over_time},
};

/// All columns. `BIT/S→` is what left the first end, `←BIT/S` what left the second.
const COLUMNS: [Column; 13] = [
    column("LINK", Kind::Name, 16, 0),
    column("STATE", Kind::Word, 9, 8),
    Column { heading: "BIT/S→", ascii: "BIT/S>", width: 6, kind: Kind::Figure, rank: 1 },
    Column { heading: "←BIT/S", ascii: "<BIT/S", width: 6, kind: Kind::Figure, rank: 2 },
    column("PKT/S", Kind::Figure, 6, 7),
    column("P50", Kind::Figure, 6, 6),
    column("P99", Kind::Figure, 6, 3),
    column("MAX<", Kind::Figure, 6, 10),
    column("LOST", Kind::Figure, 6, 4),
    column("LOSS", Kind::Figure, 7, 11),
    column("PACKETS", Kind::Figure, 11, 9),
    column("RETR/S", Kind::Figure, 6, 12),
    column("TREND", Kind::Trend, 8, 5),
];

pub(super) fn table(state: &State) -> Table {
    let (shown, recent) = (state.shown(), state.last(RECENT_SECONDS));
    let all = state.all();
    let rows = state.topology.links.iter().enumerate().map(|(index, link)| {
        let window = Window::of(shown.iter().copied(), index);
        let last = Window::of(recent.iter().copied(), index);
        let trend = over_time(&all, TREND, to_f64(1000 * state.interval), |frame| bits(frame, index));
        row(state, link, &window, &last, trend)
    });
    Table::new(&COLUMNS, rows.collect())
}

fn row(state: &State, link: &Link, window: &Window, recent: &Window, trend: Vec<f64>) -> Row {
    let condition = Condition::of(link, recent);
    let tone = condition.tone();
    let per_second = |figure: Option<u64>| figure.and_then(|count| window.per_second(count));
    let packets = window.sum(|pass| pass.packets_total);
    let lost =
        bad_count(window.sum(|pass| pass.lost_total), if recent.loses() { Tone::Bad } else { Tone::Warn });
    let cells = vec![
        Cell::name(state.safe(&link.name)),
        Cell::name(condition.word().to_owned()).toned(tone),
        rate(window.bits_from(Side::A)),
        rate(window.bits_from(Side::B)),
        rate(per_second(window.sum(|pass| Some(pass.packets)))),
        duration(window.worst(|latency| latency.p50_ns), state),
        duration(window.worst(|latency| latency.p99_ns), state),
        duration(window.worst(|latency| latency.max_bound_ns), state),
        lost,
        loss(window),
        Cell::figure(packets.map_or("-".to_owned(), |count| figures::count(count, 11)), packets.map(to_f64)),
        rate(window.per_second(window.ends.a.retransmits.max(window.ends.b.retransmits))),
        Cell::trend(trend),
    ];
    Row {
        key: link.name.to_string(),
        mark: (condition.sign(), tone),
        cells,
        haystack: haystack(link, condition),
        about: sentence(state, link, recent),
    }
}

/// The part of the segments that was lost.
fn loss(window: &Window) -> Cell {
    let (lost, packets) = (window.sum(|pass| pass.lost), window.sum(|pass| Some(pass.packets)));
    let share = lost.zip(packets).and_then(|(lost, packets)| figures::share(lost, packets.max(lost)));
    let tone = if lost.is_some_and(|lost| lost > 0) { Tone::Bad } else { Tone::Dim };
    Cell::figure(share.unwrap_or("-".to_owned()), lost.map(to_f64)).toned(tone)
}

fn haystack(link: &Link, condition: Condition) -> String {
    let mut words = vec![link.name.to_string(), condition.word().to_owned()];
    for end in link.ends() {
        words.push(end.name());
        words.extend(end.addresses.iter().cloned());
    }
    if link.is_impaired() {
        words.push("impaired".to_owned());
    }
    words.join(" ").to_lowercase()
}

fn sentence(state: &State, link: &Link, recent: &Window) -> ratatui::text::Line<'static> {
    let mut parts = vec![(Tone::Strong, state.safe(&link.name))];
    let remarks = condition::remarks(link, recent, &state.glyphs);
    if remarks.is_empty() {
        let addresses: Vec<&str> =
            link.ends().filter_map(|end| end.addresses.first()).map(String::as_str).collect();
        parts.push((Tone::Plain, addresses.join(&format!(" {} ", state.glyphs.both))));
    }
    parts.extend(remarks.into_iter().map(|(tone, text)| (tone, state.safe(text))));
    about(state.palette, parts)
}
