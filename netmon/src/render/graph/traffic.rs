//! The traffic of a link, in a few words.

use netmon_model::impairment::Impairment;

use super::model::{End, Link, Traffic};
use crate::{api::Amounts, render::units};

/// Formats traffic: `12.3 pkt/s, 1.20 kB/s, 4.10 µs`, and `3 lost` if segments were lost.
fn caption(traffic: &Traffic) -> String {
    let mut parts = Vec::new();
    match traffic.packets_per_second {
        Some(rate) => parts.push(format!("{} pkt/s", units::per_second(rate))),
        // An agent that has just started has no rates.
        None => parts.push(format!("{} packets", units::count(traffic.packets))),
    }
    parts.extend(traffic.bytes_per_second.map(units::bytes_per_second));
    parts.extend(traffic.latency_p50_ns.map(units::duration));
    let lost = traffic.lost_segments.filter(|lost| *lost > 0);
    parts.extend(lost.map(|lost| format!("{} lost", units::count(lost))));
    parts.join(", ")
}

/// Returns a line for each direction of a link: its arrow, its traffic, and its impairment in brackets. A direction with
/// neither has no line.
pub(super) fn both(link: &Link, arrows: [&str; 2]) -> Vec<String> {
    let directions = [&link.a_to_b, &link.b_to_a];
    let all = arrows.into_iter().zip(directions).zip(link.impaired);
    all.filter_map(|((arrow, traffic), impaired)| line(arrow, traffic.as_ref(), impaired)).collect()
}

/// Returns the line of one direction. Returns `None` if there is neither traffic nor an impairment.
pub(super) fn line(arrow: &str, traffic: Option<&Traffic>, impaired: Amounts) -> Option<String> {
    let impairment = Impairment::from(impaired);
    let impaired = (!impairment.is_none()).then(|| format!("[{impairment}]"));
    let parts: Vec<String> = traffic.map(caption).into_iter().chain(impaired).collect();
    (!parts.is_empty()).then(|| format!("{arrow} {}", parts.join(" ")))
}

/// Returns the name of an interface, with a remark if it is down.
pub(super) fn interface(end: &End) -> String {
    if end.up == Some(false) { format!("{} (down)", end.interface) } else { end.interface.to_string() }
}

/// Returns the lines below an interface: its addresses, or the bridge that it is a port of.
pub(super) fn below(end: &End) -> Vec<String> {
    let bridge = end.bridge.iter().map(|bridge| format!("on {bridge}"));
    end.addresses.iter().map(ToString::to_string).chain(bridge).collect()
}

/// Returns the lines of an interface: its name and those below it.
pub(super) fn lines(end: &End) -> Vec<String> {
    std::iter::once(interface(end)).chain(below(end)).collect()
}
