//! The round trips over a link, each as one bar of its three parts: forward, turnaround, return.

use ratatui::text::Line;

use super::{Pen, padded};
use crate::{
    api::{Endpoint, Link, Parts, Perspective},
    top::{
        chart,
        figures::{self, to_f64},
        palette::Tone,
        state::State,
    },
};

/// The tones of the parts.
const TONES: [Tone; 3] = [Tone::Traffic, Tone::Warn, Tone::Latency];

/// Returns the lines of all round trips that were seen, the last seconds' if there were some.
pub(super) fn lines(state: &State, pen: Pen, link: &Link, columns: usize) -> Vec<Line<'static>> {
    let perspectives = [&link.round_trip_parts.seen_from_a, &link.round_trip_parts.seen_from_b];
    let mut lines = Vec::new();
    for (end, perspective) in link.ends().zip(perspectives) {
        for (kind, parts) in shown(perspective) {
            lines.extend(one(state, pen, end, (kind, parts), columns));
        }
    }
    lines
}

fn shown(perspective: &Perspective) -> impl Iterator<Item = (&'static str, Parts)> {
    let kinds = [
        ("ICMP echo", perspective.recent_icmp.or(perspective.icmp)),
        ("TCP handshake", perspective.recent_tcp_handshake.or(perspective.tcp_handshake)),
    ];
    kinds.into_iter().filter_map(|(kind, parts)| Some((kind, parts?)))
}

fn one(
    state: &State,
    pen: Pen,
    end: &Endpoint,
    (kind, parts): (&str, Parts),
    columns: usize,
) -> [Line<'static>; 3] {
    let duration = |ns| figures::duration(ns, state.glyphs.is_ascii);
    let from = state.safe(format!("{}:{}", end.namespace, end.interface));
    let title = format!(" {} {}", padded(kind, 14), duration(parts.round_trip.mean_ns));
    let note = if parts.same_packets { "" } else { "  (parts: all packets)" };
    let title = pen.spans([
        (Tone::Strong, title),
        (Tone::Dim, format!("  mean of {}, from {from}{note}", figures::count(parts.round_trip.samples, 11))),
    ]);
    let three = [parts.forward.mean_ns, parts.turnaround.mean_ns, parts.back.mean_ns];
    let cells = chart::split(&three.map(to_f64), columns.saturating_sub(2).min(76));
    let bar = (0..3).map(|part| (TONES[part], state.glyphs.parts[part].repeat(cells[part])));
    let bar = pen.spans([(Tone::Plain, " ".to_owned())].into_iter().chain(bar));
    let names = ["forward", "turnaround", "return"];
    let legend = (0..3).flat_map(|part| {
        let text = format!(" {} {}  ", names[part], duration(three[part]));
        [(TONES[part], state.glyphs.parts[part].to_owned()), (Tone::Plain, text)]
    });
    let legend = pen.spans([(Tone::Plain, " ".to_owned())].into_iter().chain(legend));
    [title, bar, legend]
}
