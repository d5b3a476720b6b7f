//! An open namespace: its ends, bridges, services and probes.

use netmon_model::names::{NsName, Side};
use ratatui::text::Line;

use super::{Pen, padded, right};
use crate::top::{
    condition::Condition,
    data::{Link, Probe, SIDES},
    figures,
    palette::Tone,
    state::{RECENT_SECONDS, State},
    text,
    window::Window,
};

/// The column of the interface's name.
const NAME: usize = 16;

pub(super) fn lines(state: &State, pen: Pen, name: &NsName) -> Vec<Line<'static>> {
    let Some(namespace) = state.topology.namespaces.iter().find(|namespace| namespace.name == *name) else {
        let text = format!(" There is no namespace {} any longer.", state.safe(name));
        return vec![pen.line(Tone::Warn, text)];
    };
    let plain = |texts: &[String]| -> Vec<Line<'static>> {
        texts.iter().map(|text| pen.line(Tone::Plain, format!(" {}", state.safe(text)))).collect()
    };
    let mut lines = vec![pen.line(Tone::Strong, format!(" {}", state.safe(name)))];
    lines.extend(pen.section("Interfaces", ends(state, pen, name)));
    lines.extend(pen.section("Bridges", plain(&namespace.bridges)));
    lines.extend(pen.section("Services", plain(&namespace.services)));
    let probes = state.topology.probes.iter().filter(|probe| probe.from == *name);
    lines.extend(pen.section("Probes", probes.map(|probe| of_probe(state, pen, probe)).collect()));
    lines
}

fn ends(state: &State, pen: Pen, name: &NsName) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (index, link) in state.topology.links.iter().enumerate() {
        for side in SIDES {
            if link.ends[side].as_ref().is_some_and(|end| end.namespace == *name) {
                lines.extend(end(state, pen, index, link, side).into_iter().flatten());
            }
        }
    }
    lines
}

/// Two lines: rates to and from the interface, and what it is connected to.
fn end(state: &State, pen: Pen, index: usize, link: &Link, side: Side) -> Option<[Line<'static>; 2]> {
    let end = link.ends[side].as_ref()?;
    let (window, recent) = (Window::of(state.shown(), index), Window::of(state.last(RECENT_SECONDS), index));
    let condition = Condition::of(link, &recent);
    let rate = |side: Side| window.bits_from(side).map_or("-".to_owned(), figures::rate);
    let first = pen.spans([
        (condition.tone(), format!(" {} ", condition.sign())),
        (Tone::Strong, padded(&state.safe(&end.interface), NAME)),
        (Tone::Plain, format!("in {}  out {}", right(&rate(side.peer()), 6), right(&rate(side), 6))),
        (condition.tone(), format!("  {}", condition.word())),
    ]);
    let peer = link.ends[side.peer()].as_ref().map_or("?".to_owned(), |peer| state.safe(peer.name()));
    let addresses = end.addresses.join(", ");
    let second = format!("   {}{} {peer}  {addresses}", padded("", NAME), state.glyphs.both);
    let second = text::cut(&second, usize::from(state.size.0).saturating_sub(1), &state.glyphs);
    Some([first, pen.line(Tone::Dim, second)])
}

fn of_probe(state: &State, pen: Pen, probe: &Probe) -> Line<'static> {
    let (word, tone) = match probe.success {
        Some(true) => ("ok", Tone::Good),
        Some(false) => ("FAILED", Tone::Bad),
        None => ("waiting", Tone::Dim),
    };
    let error = probe.error.as_deref().unwrap_or_default();
    pen.spans([
        (tone, format!(" {} ", padded(word, 7))),
        (Tone::Strong, format!("{} {}", probe.kind, state.safe(&probe.name))),
        (Tone::Bad, format!("  {}", state.safe(error))),
    ])
}
