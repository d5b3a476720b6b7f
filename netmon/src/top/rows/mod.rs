//! The rows of each view, made of the state. Pure: what is drawn can be tested without a terminal.

pub(crate) mod connections;
pub(crate) mod drops;
mod links;
mod namespaces;
mod probes;

use ratatui::text::{Line, Span};

use super::{
    figures::{self, to_f64},
    palette::{Palette, Tone},
    state::{State, View},
    table::{Cell, Table},
};
use crate::render::units::NONE;

/// The width of a trend in frames: no screen shows more.
const TREND: usize = 60;
/// The widest count in a table.
const COUNT: usize = 9;

/// Returns all rows of the current view, in the order of the agent.
pub(crate) fn of(state: &State) -> Table {
    match state.view {
        View::Links => links::table(state),
        View::Namespaces => namespaces::table(state),
        View::Connections => connections::table(state),
        View::Drops => drops::table(state),
        View::Probes => probes::table(state),
    }
}

/// Returns why the current view has no row at all.
pub(crate) fn nothing(state: &State) -> String {
    if let (View::Connections | View::Drops, Some(error)) = (state.view, &state.details.error) {
        return state.safe(error);
    }
    let text = match state.view {
        View::Links => "No links are watched.",
        View::Namespaces => "This lab has no namespaces.",
        View::Connections => connections::nothing(state),
        View::Drops if state.details.links.is_none() => "Reading the counts of all links ...",
        View::Drops => "No packet was dropped or lost.",
        View::Probes => "This lab has no probes: docs/LABFILE.md, [[probe]], describes them.",
    };
    text.to_owned()
}

/// A rate, or a dash.
fn rate(per_second: Option<f64>) -> Cell {
    let cell = Cell::figure(per_second.map_or(NONE.to_owned(), figures::rate), per_second);
    if per_second == Some(0.0) { cell.toned(Tone::Dim) } else { cell }
}

/// A rate of something bad: in red if there was any.
fn bad_rate(per_second: Option<f64>) -> Cell {
    let cell = rate(per_second);
    if per_second.is_some_and(|rate| rate > 0.0) { cell.toned(Tone::Bad) } else { cell }
}

/// A duration, or a dash.
fn duration(ns: Option<u64>, state: &State) -> Cell {
    let text = figures::optional_duration(ns, state.glyphs.is_ascii);
    let cell = Cell::figure(text, ns.map(to_f64));
    if ns.is_none() { cell.toned(Tone::Dim) } else { cell }
}

/// A count of something bad: in `tone` if there was any.
fn bad_count(count: Option<u64>, tone: Tone) -> Cell {
    let text = count.map_or(NONE.to_owned(), |count| figures::count(count, COUNT));
    let cell = Cell::figure(text, count.map(to_f64));
    cell.toned(if count.is_some_and(|count| count > 0) { tone } else { Tone::Dim })
}

/// A line of spans with tones, separated by two blanks.
fn about(palette: Palette, parts: impl IntoIterator<Item = (Tone, String)>) -> Line<'static> {
    let mut spans = Vec::new();
    for (tone, text) in parts {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(text, palette.style(tone)));
    }
    Line::from(spans)
}
