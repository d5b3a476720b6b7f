//! An open link: both directions, its round trips taken apart, protocols, drops and connections.

use std::collections::BTreeMap;

use netmon_model::names::Side;
use ratatui::text::Line;

use super::{Pen, beside, direction, padded, right, round_trip};
use crate::{
    api,
    render::units,
    top::{
        condition::{self, Condition},
        data::Link,
        figures,
        palette::Tone,
        rows::{connections, drops},
        state::{RECENT_SECONDS, State},
        text,
        window::Window,
    },
};

/// From here on, both directions are side by side.
const SIDE_BY_SIDE: usize = 76;
/// At most this many connections are listed: `3 Connections` has them all.
const CONNECTIONS: usize = 20;

pub(super) fn lines(state: &State, pen: Pen, index: usize, link: &Link) -> Vec<Line<'static>> {
    let columns = usize::from(state.size.0);
    let mut lines = vec![title(state, pen, index, link)];
    lines.extend(remarks(state, pen, index, link, columns));
    let direction = |from, columns| direction::lines(state, pen, (index, link), from, columns);
    if columns >= SIDE_BY_SIDE {
        let half = columns / 2;
        lines.extend(beside(direction(Side::A, half), direction(Side::B, half), half));
    } else {
        lines.extend(direction(Side::A, columns));
        lines.push(Line::default());
        lines.extend(direction(Side::B, columns));
    }
    match state.details.link(&link.name) {
        Some(counts) => lines.extend(further(state, pen, counts, columns)),
        None => lines.extend(waiting(state, pen)),
    }
    lines
}

fn title(state: &State, pen: Pen, index: usize, link: &Link) -> Line<'static> {
    let condition = Condition::of(link, &Window::of(state.last(RECENT_SECONDS), index));
    let name =
        text::fit(&state.safe(&link.name), usize::from(state.size.0).saturating_sub(14), &state.glyphs);
    pen.spans([
        (Tone::Strong, format!(" {name}  ")),
        (condition.tone(), format!("{} {}", condition.sign(), condition.word())),
    ])
}

fn remarks(state: &State, pen: Pen, index: usize, link: &Link, columns: usize) -> Vec<Line<'static>> {
    let recent = Window::of(state.last(RECENT_SECONDS), index);
    let remarks = condition::remarks(link, &recent, &state.glyphs).into_iter();
    // The declared impairment is shown with its direction.
    let remarks = remarks.filter(|(_, text)| !text.starts_with("impaired"));
    remarks
        .map(|(tone, remark)| {
            pen.line(
                tone,
                format!(" {}", text::cut(&state.safe(remark), columns.saturating_sub(2), &state.glyphs)),
            )
        })
        .collect()
}

/// Says that counts are being read, or why they cannot be.
fn waiting(state: &State, pen: Pen) -> Vec<Line<'static>> {
    let line = match &state.details.error {
        Some(error) => pen.line(Tone::Bad, format!(" {}", state.safe(error))),
        None => pen.line(Tone::Dim, " Reading the counts of this link ..."),
    };
    vec![Line::default(), line]
}

fn further(state: &State, pen: Pen, counts: &api::Link, columns: usize) -> Vec<Line<'static>> {
    let mut lines = pen.section("Round trips", round_trip::lines(state, pen, counts, columns));
    lines.extend(pen.section("Protocols", protocols(state, pen, counts)));
    lines.extend(pen.section("Dropped and lost", dropped(state, pen, counts)));
    lines.extend(pen.section("Connections", conversations(state, pen, columns)));
    lines
}

/// A line for each protocol that passed: packets and bytes, by direction.
fn protocols(state: &State, pen: Pen, counts: &api::Link) -> Vec<Line<'static>> {
    let mut passed: BTreeMap<&str, [Option<api::ProtocolCount>; 2]> = BTreeMap::new();
    for (side, end) in counts.ends().enumerate() {
        for (name, count) in end.egress.protocols.iter().filter(|(_, count)| count.packets > 0) {
            passed.entry(name).or_default()[side] = Some(*count);
        }
    }
    let of = |count: Option<api::ProtocolCount>| match count {
        Some(count) => (units::count(count.packets), figures::bytes(count.bytes)),
        None => ("0".to_owned(), "0B".to_owned()),
    };
    let arrows = [state.glyphs.right, state.glyphs.left];
    let line = |(name, counts): (&str, [Option<api::ProtocolCount>; 2])| {
        let mut parts = vec![(Tone::Strong, format!(" {}", padded(name, 8)))];
        for (arrow, count) in arrows.iter().zip(counts) {
            let (packets, bytes) = of(count);
            parts.push((Tone::Accent, format!(" {arrow} ")));
            parts.push((Tone::Plain, format!("{} packets {}", right(&packets, 9), right(&bytes, 7))));
        }
        pen.spans(parts)
    };
    passed.into_iter().map(line).collect()
}

fn dropped(state: &State, pen: Pen, counts: &api::Link) -> Vec<Line<'static>> {
    let drops = drops::of_link(counts, state);
    let line = |drop: drops::Drop| {
        pen.spans([
            (Tone::Bad, format!(" {} ", right(&figures::count(drop.packets, 9), 9))),
            (Tone::Plain, format!("{}  {}", drop.reason, drop.place)),
        ])
    };
    drops.into_iter().map(line).collect()
}

fn conversations(state: &State, pen: Pen, columns: usize) -> Vec<Line<'static>> {
    let flows = connections::seen_once(&state.details);
    let shown = flows.iter().take(CONNECTIONS).map(|flow| {
        let [client, server] = connections::ends(flow);
        let (sent, received) = (figures::bytes(flow.egress.bytes), figures::bytes(flow.ingress.bytes));
        let (forward, back) =
            if connections::is_local_client(flow) { (sent, received) } else { (received, sent) };
        let name = format!("{client} {} {server}", state.glyphs.right);
        let name = text::fit(&name, columns.saturating_sub(36), &state.glyphs);
        let figures = format!(
            " {} {} {} {} {}",
            padded(connections::word(flow.state), 7),
            right(&forward, 6),
            state.glyphs.both,
            right(&back, 6),
            right(&connections::rtt(flow, state.glyphs.is_ascii), 7)
        );
        pen.spans([
            (Tone::Plain, format!(" {}", padded(&name, columns.saturating_sub(36)))),
            (Tone::Plain, figures),
        ])
    });
    let mut lines: Vec<_> = shown.collect();
    if flows.len() > CONNECTIONS {
        lines.push(pen.line(Tone::Dim, format!(" and {} more", flows.len() - CONNECTIONS)));
    }
    lines
}
