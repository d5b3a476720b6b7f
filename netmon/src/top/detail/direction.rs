//! One direction of a link: its rate over time, its latency as a histogram, its losses.

use netmon_model::names::Side;
use ratatui::text::Line;

use super::{Pen, padded, right};
use crate::{
    render::units,
    top::{
        chart,
        condition::arrow,
        data::{EndFrame, Frame, Link, Pass},
        figures::{self, to_f64},
        palette::Tone,
        state::{KEPT_SECONDS, RECENT_SECONDS, State},
        text,
        window::{self, Window, over_time},
    },
};

/// The widest chart.
const WIDEST: usize = 60;
/// The column of figures.
const LABEL: usize = 9;

/// Returns the lines of the direction of link number `index` that leaves the end `from`, in `columns` columns.
pub(super) fn lines(
    state: &State,
    pen: Pen,
    (index, link): (usize, &Link),
    from: Side,
    columns: usize,
) -> Vec<Line<'static>> {
    let mut lines = vec![title(state, pen, link, from, columns)];
    let window = Window::of(state.shown(), index);
    let Some(pass) = &window.passed[from] else {
        lines.push(pen.line(Tone::Dim, " not known yet"));
        return lines;
    };
    let width = columns.saturating_sub(2).min(WIDEST);
    lines.extend(rates(pen, &window, pass));
    lines.extend(over_the_last_minutes(state, pen, index, from, width));
    lines.push(latency(state, pen, pass, columns));
    lines.extend(round_trips(state, pen, window.ends[from]));
    lines.push(losses(state, pen, index, from, pass));
    if let Some(amounts) = link.impairments[from] {
        lines.push(labelled(pen, "declared", Tone::Warn, figures::impairment(amounts)));
    }
    lines.extend(histogram(state, pen, index, from, width));
    lines
}

fn title(state: &State, pen: Pen, link: &Link, from: Side, columns: usize) -> Line<'static> {
    let end = |side: Side| link.ends[side].as_ref().map_or("?".to_owned(), |end| state.safe(end.name()));
    let name = format!("{} {} {}", end(from), state.glyphs.right, end(from.peer()));
    pen.spans([
        (Tone::Accent, format!(" {} ", arrow(from, &state.glyphs))),
        (Tone::Strong, text::fit(&name, columns.saturating_sub(4), &state.glyphs)),
    ])
}

fn labelled(pen: Pen, label: &str, tone: Tone, text: String) -> Line<'static> {
    pen.spans([(Tone::Dim, format!(" {}", padded(label, LABEL))), (tone, text)])
}

fn rates(pen: Pen, window: &Window, pass: &Pass) -> Vec<Line<'static>> {
    let per_second = |count: u64| window.per_second(count).unwrap_or(0.0);
    let rate = format!(
        "{}  {} packets/s",
        figures::bits(per_second(pass.bits())),
        units::per_second(per_second(pass.packets))
    );
    let mut lines = vec![labelled(pen, "rate", Tone::Strong, rate)];
    if let Some(total) = pass.packets_total {
        lines.push(labelled(pen, "sent", Tone::Plain, format!("{} packets", units::count(total))));
    }
    lines
}

fn over_the_last_minutes(
    state: &State,
    pen: Pen,
    index: usize,
    from: Side,
    width: usize,
) -> Vec<Line<'static>> {
    let bits = |frame: &Frame| {
        let pass = frame.links.get(index)?.as_ref()?.passed[from].as_ref()?;
        Some(1000.0 * to_f64(pass.bits()) / frame.window_ms.max(1.0))
    };
    let values = over_time(&state.all(), width, to_f64(1000 * state.interval), bits);
    let height = if state.size.1 >= 30 { 4 } else { 2 };
    let rows = chart::columns(&values, height, &state.glyphs);
    rows.into_iter().map(|row| pen.line(Tone::Traffic, format!(" {row}"))).collect()
}

fn latency(state: &State, pen: Pen, pass: &Pass, columns: usize) -> Line<'static> {
    let Some(latency) = &pass.latency else {
        return labelled(pen, "latency", Tone::Dim, "not measured".to_owned());
    };
    let shown = |ns| figures::optional_duration(ns, state.glyphs.is_ascii);
    let [p50, p99, max] = [latency.p50_ns, latency.p99_ns, latency.max_bound_ns].map(shown);
    let text = match columns {
        0..48 => format!("p50 {p50} p99 {p99} <{max}"),
        _ => format!("p50 {p50}  p99 {p99}  max <{max}"),
    };
    labelled(pen, "latency", Tone::Plain, text)
}

/// The mean round trips that the sending end saw in this window. `None` if it saw none.
fn round_trips(state: &State, pen: Pen, end: EndFrame) -> Option<Line<'static>> {
    let mean = |what: &str, sum_ns: u64, count: u64| {
        let ns = sum_ns.checked_div(count)?;
        Some(format!("{what} {}", figures::duration(ns, state.glyphs.is_ascii)))
    };
    let icmp = mean("icmp", end.icmp_sum_ns, end.icmp_count);
    let seen: Vec<String> =
        icmp.into_iter().chain(mean("tcp", end.tcp_rtt_sum_ns, end.tcp_rtt_count)).collect();
    (!seen.is_empty()).then(|| labelled(pen, "rtt", Tone::Plain, seen.join("  ")))
}

fn losses(state: &State, pen: Pen, index: usize, from: Side, pass: &Pass) -> Line<'static> {
    let recent = Window::of(state.last(RECENT_SECONDS), index);
    let lately = recent.passed[from].as_ref().and_then(|recent| Some((recent.lost?, recent.packets)));
    let Some((lost, packets)) = lately else {
        return labelled(pen, "lost", Tone::Dim, "not measured".to_owned());
    };
    let share = figures::share(lost, packets.max(lost)).unwrap_or("0 %".to_owned());
    let total = pass.lost_total.map_or(String::new(), |total| format!(", {} in all", units::count(total)));
    let tone = if lost > 0 { Tone::Bad } else { Tone::Plain };
    labelled(pen, "lost", tone, format!("{share} in {RECENT_SECONDS} s{total}"))
}

/// A bar for each octave of the latencies of all frames.
fn histogram(state: &State, pen: Pen, index: usize, from: Side, width: usize) -> Vec<Line<'static>> {
    let octaves =
        window::octaves(state.frames.iter().filter_map(|frame| window::latency(frame, index, from)));
    let Some(most) = octaves.iter().map(|(_, samples)| *samples).max() else { return Vec::new() };
    let heading = format!(" one-way latency of {}", seconds(state));
    let mut lines = vec![pen.line(Tone::Dim, text::cut(&heading, width + 1, &state.glyphs))];
    for (octave, samples) in octaves {
        let label = figures::duration(1u64.checked_shl(octave).unwrap_or(u64::MAX), state.glyphs.is_ascii);
        let bar = chart::bar(to_f64(samples) / to_f64(most.max(1)), width.saturating_sub(18), &state.glyphs);
        lines.push(pen.spans([
            (Tone::Dim, format!(" {} ", right(&label, 6))),
            (Tone::Latency, bar),
            (Tone::Plain, format!(" {}", figures::count(samples, 9))),
        ]));
    }
    lines
}

/// How long the frames go back: `the last 120 s`.
fn seconds(state: &State) -> String {
    let ends = state.frames.front().zip(state.frames.back());
    let ms = ends.map_or(0.0, |(first, last)| to_f64(last.at_ms - first.at_ms) + first.window_ms);
    format!("the last {:.0} s", (ms / 1000.0).min(to_f64(KEPT_SECONDS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::example;

    #[test]
    fn a_latency_that_is_not_measured_is_not_blamed_on_the_kernel() {
        let state = example::state(80, 24);
        let mut pass = example::frame(1).links.remove(0).unwrap().passed.a.unwrap();
        // The kernel may be too old, or a qdisc may use departure times itself: the stream does not say which.
        pass.latency = None;
        let line = latency(&state, Pen { palette: state.palette }, &pass, 80);
        assert_eq!(line.to_string(), " latency  not measured");
    }
}
