//! The lines above and below the rows: title, views, and keys or the filter.

use super::Canvas;
use crate::top::{
    data::Pass,
    figures::{self, to_f64},
    palette::Tone,
    place,
    state::{Open, Source, State, View},
    text,
};

/// Before the filter.
const PROMPT: &str = " Filter: ";

/// Draws the lab on the left, and on the right whether the picture is live.
pub(super) fn title(canvas: &mut Canvas<'_>) {
    let state = canvas.state;
    let chips = chips(state);
    let width: usize = chips.iter().map(|(_, text)| text::width(text) + 1).sum();
    let right = canvas.columns().saturating_sub(u16::try_from(width).unwrap_or(u16::MAX));
    let mut x = canvas.put((1, 0), right.saturating_sub(1), Tone::Accent, "netmon top");
    for (tone, text) in facts(state) {
        let needed = u16::try_from(text::width(&text) + 2).unwrap_or(u16::MAX);
        if x.saturating_add(needed) < right {
            x = canvas.put((x + 2, 0), needed, tone, &text);
        }
    }
    let mut x = right;
    for (tone, text) in chips {
        x = canvas.put((x, 0), canvas.columns(), tone, &text) + 1;
    }
}

/// What is said of the lab, the most important first.
fn facts(state: &State) -> Vec<(Tone, String)> {
    let topology = &state.topology;
    let lab = topology.lab.as_ref().map(|(name, _)| (Tone::Strong, format!("lab {}", state.safe(name))));
    let count = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    let newest = state.frames.back();
    let up = newest.map(|frame| frame.at_ms.saturating_sub(topology.started_at_ms) / 1000);
    let bits = newest.map(|frame| {
        let passes = frame.links.iter().flatten().flat_map(|link| link.passed.iter().flatten());
        figures::bits(1000.0 * to_f64(passes.map(Pass::bits).sum()) / frame.window_ms.max(1.0))
    });
    let facts = [
        lab,
        Some((Tone::Plain, count(topology.links.len(), "link", "links"))),
        bits.map(|bits| (Tone::Good, bits)),
        up.map(|seconds| (Tone::Dim, format!("up {}", figures::age(seconds)))),
        Some((Tone::Dim, count(topology.namespaces.len(), "namespace", "namespaces"))),
        topology
            .not_watched
            .filter(|count| *count > 0)
            .map(|count| (Tone::Dim, format!("{count} not watched"))),
        topology.lab.as_ref().map(|(_, file)| (Tone::Dim, state.safe(file))),
    ];
    facts.into_iter().flatten().collect()
}

fn chips(state: &State) -> Vec<(Tone, String)> {
    let mut chips = Vec::new();
    if state.paused.is_some() {
        chips.push((Tone::Selected, " PAUSED ".to_owned()));
    }
    chips.push((Tone::Dim, format!("every {} s", state.interval)));
    chips.push(match &state.source {
        Source::Waiting => (Tone::Warn, "connecting".to_owned()),
        Source::Live => (Tone::Good, format!("{} live", state.glyphs.dot)),
        Source::Lost { seconds, .. } => (Tone::Bad, format!("x no agent for {}", figures::age(*seconds))),
    });
    chips
}

/// Draws the views.
pub(super) fn tabs(canvas: &mut Canvas<'_>) {
    for (view, title, x) in place::tabs() {
        let tone = if view == canvas.state.view { Tone::Selected } else { Tone::Plain };
        canvas.put((x, place::TABS), canvas.columns(), tone, &title);
    }
}

/// Draws the keys that work here, or the filter while it is edited.
pub(super) fn footer(canvas: &mut Canvas<'_>) {
    let (y, state) = (canvas.rows() - 1, canvas.state);
    if state.is_editing {
        let x = canvas.put((0, y), canvas.columns(), Tone::Accent, PROMPT);
        let x = canvas.put((x, y), canvas.columns(), Tone::Strong, &shown_filter(state));
        let hint = "  Enter keeps it, Esc clears it";
        let room = canvas.columns().saturating_sub(x + 1);
        if usize::from(room) >= hint.len() {
            canvas.put((x + 1, y), room, Tone::Dim, hint);
        }
        return;
    }
    let mut x = filter(canvas, y);
    let all = keys(state);
    let width = |(key, what): &(&str, &str)| u16::try_from(key.len() + what.len() + 3).unwrap_or(u16::MAX);
    let last: u16 = all.iter().rev().take(2).map(width).sum();
    for (index, (key, what)) in all.iter().enumerate() {
        let is_last = index + 2 >= all.len();
        let needed = width(&(key, what));
        if is_last || x + needed + last <= canvas.columns() {
            let behind = canvas.put((x, y), canvas.columns() - x, Tone::Accent, key);
            x = canvas.put((behind + 1, y), canvas.columns(), Tone::Plain, what) + 2;
        }
    }
}

/// Draws the filter that is in place. Returns the column behind it.
fn filter(canvas: &mut Canvas<'_>, y: u16) -> u16 {
    let state = canvas.state;
    let filter = state.safe(&state.list().filter);
    if filter.is_empty() || state.open.is_some() {
        return 1;
    }
    let room = usize::from(canvas.columns() / 4);
    let text = format!("/{}", text::cut(&filter, room, &state.glyphs));
    canvas.put((1, y), canvas.columns(), Tone::Warn, &text) + 2
}

/// The keys that do something here. The last two are always shown.
fn keys(state: &State) -> Vec<(&'static str, &'static str)> {
    let mut keys = Vec::new();
    match (&state.open, state.view) {
        (Some(_), _) => keys.extend([("Esc", "back"), ("j k", "scroll")]),
        (None, View::Probes) => keys.push(("/", "filter")),
        (None, _) => keys.extend([("Enter", "open"), ("/", "filter")]),
    }
    if state.open.is_none() {
        if !state.list().filter.is_empty() {
            keys.insert(0, ("Esc", "all rows"));
        }
        keys.extend([("< >", "sort"), ("r", "reverse")]);
    }
    let pause = if state.paused.is_some() { "continue" } else { "pause" };
    keys.extend([("Space", pause), ("Tab", "view"), ("+ -", "interval"), ("?", "help"), ("q", "quit")]);
    keys
}

/// The end of the filter, as much as fits.
fn shown_filter(state: &State) -> String {
    let filter = state.safe(&state.list().filter);
    let room = usize::from(state.size.0).saturating_sub(PROMPT.len() + 2);
    let mut from = 0;
    while text::width(&filter[from..]) > room {
        from += filter[from..].chars().next().map_or(1, char::len_utf8);
    }
    filter[from..].to_owned()
}

/// Returns where the cursor is while the filter is edited.
pub(super) fn cursor(state: &State) -> (u16, u16) {
    let x = PROMPT.len() + text::width(&shown_filter(state));
    (u16::try_from(x).unwrap_or(u16::MAX), state.size.1 - 1)
}

/// Returns what is said of the selected row, or of what is open, in the line above the keys. `None`: the row's words.
pub(super) fn trouble(state: &State) -> Option<String> {
    match &state.source {
        Source::Lost { reason, .. } => Some(format!("trying again: {}", state.safe(reason))),
        _ if matches!(state.open, Some(Open::Link(_))) => None,
        _ => state.details.error.as_ref().filter(|_| needs_details(state)).map(|error| state.safe(error)),
    }
}

fn needs_details(state: &State) -> bool {
    matches!(state.view, View::Connections | View::Drops)
}
