//! What passes a link, in a few words.

use super::model::{End, Link, Traffic};
use crate::cli::units;

/// `12.3 pkt/s, 1.20 kB/s, 4.10 µs`, and what was lost if anything was.
pub(super) fn caption(traffic: &Traffic) -> String {
    let mut parts = Vec::new();
    match traffic.packets_per_second {
        Some(rate) => parts.push(format!("{} pkt/s", units::per_second(rate))),
        // In the agent's first moments there is no rate yet.
        None => parts.push(format!("{} packets", units::count(traffic.packets))),
    }
    parts.extend(traffic.bytes_per_second.map(units::bytes_per_second));
    parts.extend(traffic.latency_p50_ns.map(units::duration));
    let lost = traffic.lost_segments.filter(|lost| *lost > 0);
    parts.extend(lost.map(|lost| format!("{} lost", units::count(lost))));
    parts.join(", ")
}

/// Both directions of a link, each behind its arrow; nothing where there are no numbers.
pub(super) fn both(link: &Link, arrows: [&str; 2]) -> Vec<String> {
    let directions = [&link.a_to_b, &link.b_to_a];
    let with_arrow = |(arrow, traffic): (&str, &Option<Traffic>)| {
        traffic.as_ref().map(|traffic| format!("{arrow} {}", caption(traffic)))
    };
    arrows.into_iter().zip(directions).filter_map(with_arrow).collect()
}

/// An interface, and that it is down when it is.
pub(super) fn interface(end: &End) -> String {
    if end.up == Some(false) { format!("{} (down)", end.interface) } else { end.interface.to_string() }
}

/// What stands below an interface: its addresses, or the bridge that it is a port of.
pub(super) fn below(end: &End) -> Vec<String> {
    let bridge = end.bridge.iter().map(|bridge| format!("on {bridge}"));
    end.addresses.iter().map(ToString::to_string).chain(bridge).collect()
}

/// An interface and what stands below it.
pub(super) fn lines(end: &End) -> Vec<String> {
    std::iter::once(interface(end)).chain(below(end)).collect()
}
