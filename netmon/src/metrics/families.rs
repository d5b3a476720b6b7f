//! Which family of metrics is made from which part of a snapshot.

use prometheus::proto::MetricFamily;

use super::{
    family::Family,
    names::{self, Metric},
};
use crate::{
    histogram::Histogram,
    names::Direction,
    snapshot::{EndpointSnapshot, LinkSnapshot, RoundTrips, Snapshot},
};

/// Everything that the snapshot says, family by family, in the order of [`names::ALL`]. Failures that
/// happened outside the snapshot (`failures`, by kind) stand beside its own.
pub(super) fn of(snapshot: &Snapshot, failures: &[(&'static str, u64)]) -> Vec<MetricFamily> {
    let mut families = Vec::with_capacity(names::ALL.len());
    families.extend(traffic(snapshot));
    families.extend(crossings(snapshot));
    families.extend(round_trips(snapshot));
    families.extend(state(snapshot));
    families.extend(identity(snapshot, failures));
    families.into_iter().filter_map(Family::finish).collect()
}

/// Every endpoint with the link that it belongs to.
fn endpoints(snapshot: &Snapshot) -> impl Iterator<Item = (&LinkSnapshot, &EndpointSnapshot)> {
    snapshot.links.iter().flat_map(|link| link.ends().map(move |end| (link, end)))
}

/// The label values of an endpoint: link, namespace, interface.
fn of_endpoint<'a>(link: &'a LinkSnapshot, end: &'a EndpointSnapshot) -> [&'a str; 3] {
    [link.name.as_str(), end.namespace.as_str(), end.interface.as_str()]
}

/// What passed the hooks.
fn traffic(snapshot: &Snapshot) -> [Family; 5] {
    let hooks = snapshot.links.len() * 4;
    let mut packets = Family::new(names::PACKETS, hooks * netmon_ebpf::Protocol::ALL.len());
    let mut bytes = Family::new(names::BYTES, hooks * netmon_ebpf::Protocol::ALL.len());
    let mut segments = Family::new(names::SEGMENTS, hooks);
    let mut wire_bytes = Family::new(names::WIRE_BYTES, hooks);
    let mut unstamped = Family::new(names::UNSTAMPED_PACKETS, hooks / 2);
    for (link, end) in endpoints(snapshot) {
        let labels @ [link, namespace, interface] = of_endpoint(link, end);
        for direction in Direction::BOTH {
            let (hook, direction) = (end.hook(direction), direction.as_str());
            for counted in &hook.protocols {
                let labels = [link, namespace, interface, direction, counted.protocol];
                packets.push_count(labels, counted.packets);
                bytes.push_count(labels, counted.bytes);
            }
            segments.push_count([link, namespace, interface, direction], hook.segments);
            wire_bytes.push_count([link, namespace, interface, direction], hook.wire_bytes);
        }
        unstamped.push_count(labels, end.unstamped_packets);
    }
    [packets, bytes, segments, wire_bytes, unstamped]
}

/// What happened between the two ends of a link.
fn crossings(snapshot: &Snapshot) -> [Family; 2] {
    let directions = snapshot.links.len() * 2;
    let mut latency = Family::new(names::LINK_LATENCY, directions);
    let mut lost = Family::new(names::LINK_LOST, directions);
    for link in &snapshot.links {
        for (from, to, crossing) in link.directions() {
            let labels = [
                link.name.as_str(),
                from.namespace.as_str(),
                from.interface.as_str(),
                to.namespace.as_str(),
                to.interface.as_str(),
            ];
            latency.push_histogram(labels, crossing.latency.as_ref());
            if let Some(segments) = crossing.lost_segments {
                lost.push_count(labels, segments);
            }
        }
    }
    [latency, lost]
}

/// Requests and their answers, as each endpoint saw them pass.
fn round_trips(snapshot: &Snapshot) -> [Family; 5] {
    let family = |metric: Metric, pick: fn(&RoundTrips) -> Option<&Histogram>| {
        let mut family = Family::new(metric, snapshot.links.len() * 2);
        for (link, end) in endpoints(snapshot) {
            family.push_histogram(of_endpoint(link, end), pick(&end.round_trips));
        }
        family
    };
    [
        family(names::ICMP_RTT, |trips| Some(&trips.icmp)),
        family(names::TCP_HANDSHAKE, |trips| Some(&trips.tcp_handshake)),
        family(names::TCP_RTT, |trips| trips.tcp_rtt.as_ref()),
        family(names::TCP_RESPONSE, |trips| Some(&trips.tcp_response)),
        family(names::DNS_LATENCY, |trips| trips.dns.as_ref()),
    ]
}

/// How that which is watched, and the watching, are doing.
fn state(snapshot: &Snapshot) -> [Family; 4] {
    let mut exits = Family::new(names::PARSE_EXITS, snapshot.parse_exits.len());
    for &(reason, count) in &snapshot.parse_exits {
        exits.push_count([reason], count);
    }
    let mut up = Family::new(names::ENDPOINT_UP, snapshot.links.len() * 2);
    let mut attached = Family::new(names::PROGRAM_ATTACHED, snapshot.links.len() * 4);
    for (link, end) in endpoints(snapshot) {
        let labels @ [_, namespace, interface] = of_endpoint(link, end);
        up.push_flag(labels, end.up);
        for direction in Direction::BOTH {
            let hook = end.hook(direction);
            let mode = hook.attached.unwrap_or(snapshot.features.mode).as_str();
            attached.push_flag([namespace, interface, direction.as_str(), mode], hook.attached.is_some());
        }
    }
    let mut flows = Family::new(names::FLOW_ENTRIES, 1);
    flows.push_count([], snapshot.flows.entries);
    [exits, up, attached, flows]
}

/// What netmon says of itself.
fn identity(snapshot: &Snapshot, failures: &[(&'static str, u64)]) -> [Family; 3] {
    let mut errors = Family::new(names::ERRORS, snapshot.errors.len() + failures.len());
    for &(kind, count) in snapshot.errors.iter().chain(failures) {
        errors.push_count([kind], count);
    }
    let mut build = Family::new(names::BUILD_INFO, 1);
    build.push_flag([env!("CARGO_PKG_VERSION")], true);
    let mut lab = Family::new(names::LAB_INFO, 1);
    lab.push_flag([snapshot.lab.name.as_str(), &snapshot.lab.file], true);
    [errors, build, lab]
}
