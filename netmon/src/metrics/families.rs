//! Writes each family of metrics from its part of a snapshot.

use std::time::SystemTime;

use netmon_ebpf::endpoint::{TcpEvent, Unsure};
use netmon_model::{
    cost::Cost,
    histogram::Histogram,
    impairment::{Delay, Impairment, Loss},
    names::Direction,
    snapshot::{
        DirectionSnapshot, EndpointSnapshot, HookCounters, LinkSnapshot, ProbeSnapshot, RoundTrips, Snapshot,
        Traffic,
    },
};

use super::{
    appearance::Appearance,
    info,
    names::{self, Metric},
    text::Writer,
};

/// Writes all families, in the order of [`names::ALL`].
///
/// `errors` are those that are counted outside the snapshot, by kind. They join the snapshot's own.
pub(super) fn write(snapshot: &Snapshot, errors: &[(&'static str, u64)], to: &mut Writer) {
    by_protocol(names::PACKETS, |counted| counted.packets, snapshot, to);
    by_protocol(names::BYTES, |counted| counted.bytes, snapshot, to);
    by_hook(names::SEGMENTS, |hook| hook.segments, snapshot, to);
    by_hook(names::WIRE_BYTES, |hook| hook.wire_bytes, snapshot, to);
    unstamped(snapshot, to);
    refused_stamps(snapshot, to);
    unjoined(snapshot, to);
    by_link_direction(names::LINK_LATENCY, |direction| direction.latency.as_ref(), snapshot, to);
    by_link_direction(names::LINK_QUEUE, |direction| Some(&direction.parts.as_ref()?.queue), snapshot, to);
    by_link_direction(
        names::LINK_CROSSING,
        |direction| Some(&direction.parts.as_ref()?.crossing),
        snapshot,
        to,
    );
    lost(snapshot, to);
    impaired(snapshot, to);
    round_trips(names::ICMP_RTT, |trips| Some(&trips.icmp), snapshot, to);
    requests(names::ICMP_UNANSWERED, |trips| trips.icmp_requests.unanswered, snapshot, to);
    requests(names::ICMP_REPEATED, |trips| trips.icmp_requests.repeated, snapshot, to);
    round_trips(names::TCP_HANDSHAKE, |trips| Some(&trips.tcp_handshake), snapshot, to);
    round_trips(names::TCP_RTT, |trips| trips.tcp_rtt.as_ref(), snapshot, to);
    round_trips(names::TCP_RESPONSE, |trips| Some(&trips.tcp_response), snapshot, to);
    by_kind(names::TCP_UNSURE, |trips| &trips.tcp_unsure, Unsure::label, snapshot, to);
    by_kind(names::TCP_CONNECTIONS, |trips| &trips.tcp_connections, TcpEvent::label, snapshot, to);
    by_direction(
        names::TCP_RETRANSMITS,
        |trips| [trips.tcp_retransmits_ingress, trips.tcp_retransmits_egress],
        snapshot,
        to,
    );
    by_direction(
        names::TCP_REORDERED,
        |trips| [trips.tcp_reordered_ingress, trips.tcp_reordered_egress],
        snapshot,
        to,
    );
    round_trips(names::DNS_LATENCY, |trips| trips.dns.as_ref(), snapshot, to);
    by_kind(names::DNS_RESPONSES, |trips| &trips.dns_responses, |code| code, snapshot, to);
    requests(names::DNS_UNANSWERED, |trips| trips.dns_queries.unanswered, snapshot, to);
    requests(names::DNS_REPEATED, |trips| trips.dns_queries.repeated, snapshot, to);
    probes(snapshot, to);
    drops(snapshot, to);
    audit(snapshot, to);
    state(snapshot, to);
    cost(&snapshot.cost, to);
    identity(snapshot, errors, to);
}

/// Returns every endpoint with its label values: link, netns, interface. Rare series appear as said.
fn endpoints(snapshot: &Snapshot) -> impl Iterator<Item = ([&str; 3], &EndpointSnapshot, Appearance)> {
    snapshot.links.iter().flat_map(|link| {
        link.ends().map(|end| {
            let labels = [link.name.as_str(), end.namespace.as_str(), end.interface.as_str()];
            (labels, end, Appearance::of(link))
        })
    })
}

/// Returns every hook with its label values: link, netns, interface, direction.
fn hooks(snapshot: &Snapshot) -> impl Iterator<Item = ([&str; 4], &HookCounters, Appearance)> {
    endpoints(snapshot).flat_map(|([link, netns, interface], end, appearance)| {
        Direction::BOTH.map(|at| ([link, netns, interface, at.as_str()], &end.hooks[at], appearance))
    })
}

fn by_protocol(metric: Metric, pick: fn(&Traffic) -> u64, snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(metric);
    for ([link, netns, interface, direction], hook, appearance) in hooks(snapshot) {
        for (protocol, traffic) in hook.protocols.iter() {
            if appearance.shows(traffic.packets) {
                family.count([link, netns, interface, direction, protocol.label()], pick(traffic));
            }
        }
    }
}

fn by_hook(metric: Metric, pick: fn(&HookCounters) -> u64, snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(metric);
    for (labels, hook, _) in hooks(snapshot) {
        family.count(labels, pick(hook));
    }
}

fn unstamped(snapshot: &Snapshot, to: &mut Writer) {
    rare(names::UNSTAMPED_PACKETS, |end| end.unstamped_packets, snapshot, to);
}

/// Only what is measured by tracing has such packets.
fn unjoined(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::UNJOINED_PACKETS);
    for (labels, end, _) in endpoints(snapshot).filter(|(_, end, _)| end.unjoined_packets > 0) {
        family.count(labels, end.unjoined_packets);
    }
}

/// Writes a family with one count for each endpoint.
fn rare(metric: Metric, pick: impl Fn(&EndpointSnapshot) -> u64, snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(metric);
    for (labels, end, appearance) in endpoints(snapshot) {
        if appearance.shows(pick(end)) {
            family.count(labels, pick(end));
        }
    }
}

fn refused_stamps(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::REFUSED_STAMPS);
    for ([link, netns, interface], end, appearance) in endpoints(snapshot) {
        for (reason, packets) in end.refused_stamps.iter().filter(|(_, packets)| appearance.shows(*packets)) {
            family.count([link, netns, interface, reason.label()], *packets);
        }
    }
}

/// Returns the label values of one direction of a link.
fn direction_labels<'a>(
    link: &'a LinkSnapshot,
    from: &'a EndpointSnapshot,
    to: &'a EndpointSnapshot,
) -> [&'a str; 5] {
    [
        link.name.as_str(),
        from.namespace.as_str(),
        from.interface.as_str(),
        to.namespace.as_str(),
        to.interface.as_str(),
    ]
}

/// Writes a family with one histogram for each direction of a link.
fn by_link_direction(
    metric: Metric,
    pick: fn(&DirectionSnapshot) -> Option<&Histogram>,
    snapshot: &Snapshot,
    to: &mut Writer,
) {
    let mut family = to.family(metric);
    for link in &snapshot.links {
        for (from, to, direction) in link.directions() {
            let histogram = Appearance::of(link).histogram(pick(direction));
            family.histogram(direction_labels(link, from, to), histogram);
        }
    }
}

fn lost(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::LINK_LOST);
    for link in &snapshot.links {
        for (from, to, direction) in link.directions() {
            if let Some(segments) = direction.lost_segments {
                family.count(direction_labels(link, from, to), segments);
            }
        }
    }
}

/// Configured impairments, for directions that have one.
#[expect(clippy::cast_precision_loss, reason = "the exposition format has floats only")]
fn impaired(snapshot: &Snapshot, to: &mut Writer) {
    let seconds = |delay: Delay| delay.duration().as_secs_f64();
    by_amount(names::IMPAIRMENT_DELAY, |of| of.delay.map(seconds), snapshot, to);
    by_amount(names::IMPAIRMENT_JITTER, |of| of.jitter.map(seconds), snapshot, to);
    by_amount(names::IMPAIRMENT_LOSS, |of| of.loss.map(Loss::ratio), snapshot, to);
    by_amount(names::IMPAIRMENT_RATE, |of| of.rate.map(|rate| rate.bytes() as f64), snapshot, to);
}

fn by_amount(
    metric: Metric,
    pick: impl Fn(&Impairment) -> Option<f64>,
    snapshot: &Snapshot,
    to: &mut Writer,
) {
    let mut family = to.family(metric);
    for link in &snapshot.links {
        for (from, to, direction) in link.directions() {
            let amount = direction.impairment.as_ref().and_then(|stats| pick(&stats.impairment));
            if let Some(amount) = amount {
                family.gauge(direction_labels(link, from, to), amount);
            }
        }
    }
}

fn round_trips(
    metric: Metric,
    pick: fn(&RoundTrips) -> Option<&Histogram>,
    snapshot: &Snapshot,
    to: &mut Writer,
) {
    let mut family = to.family(metric);
    for (labels, end, appearance) in endpoints(snapshot) {
        family.histogram(labels, appearance.histogram(pick(&end.round_trips)));
    }
}

fn requests(metric: Metric, pick: fn(&RoundTrips) -> u64, snapshot: &Snapshot, to: &mut Writer) {
    rare(metric, |end| pick(&end.round_trips), snapshot, to);
}

/// Returns the label values of a probe.
fn probe_labels(probe: &ProbeSnapshot) -> [&str; 3] {
    [probe.from.as_str(), &probe.name, probe.kind]
}

fn probes(snapshot: &Snapshot, to: &mut Writer) {
    let mut success = to.family(names::PROBE_SUCCESS);
    for probe in &snapshot.probes {
        if let Some(is) = probe.success {
            success.flag(probe_labels(probe), is);
        }
    }
    let mut duration = to.family(names::PROBE_DURATION);
    for probe in &snapshot.probes {
        duration.histogram(probe_labels(probe), Some(&probe.durations));
    }
    let mut failures = to.family(names::PROBE_FAILURES);
    for probe in &snapshot.probes {
        failures.count(probe_labels(probe), probe.failures);
    }
}

fn drops(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::DROPS);
    for ([_, netns, interface], end, _) in endpoints(snapshot) {
        for (reason, count) in end.drops.iter().flatten() {
            family.count([netns, interface, reason.as_str()], *count);
        }
    }
}

fn audit(snapshot: &Snapshot, to: &mut Writer) {
    let audits = || hooks(snapshot).filter_map(|(labels, hook, _)| Some((labels, hook.audit.as_ref()?)));
    let mut difference = to.family(names::AUDIT_DIFFERENCE);
    for ([_, netns, interface, direction], audit) in audits() {
        difference.signed([netns, interface, direction], audit.difference);
    }
    let mut explained = to.family(names::AUDIT_EXPLAINED);
    for ([_, netns, interface, direction], audit) in audits() {
        for &(cause, packets) in &audit.explained {
            explained.signed([netns, interface, direction, cause.label()], packets);
        }
    }
}

/// Writes a family with one more label, whose value comes with each count.
fn by_kind<K: Copy>(
    metric: Metric,
    pick: fn(&RoundTrips) -> &[(K, u64)],
    label: fn(K) -> &'static str,
    snapshot: &Snapshot,
    to: &mut Writer,
) {
    let mut family = to.family(metric);
    for ([link, netns, interface], end, appearance) in endpoints(snapshot) {
        for &(kind, count) in pick(&end.round_trips).iter().filter(|(_, count)| appearance.shows(*count)) {
            family.count([link, netns, interface, label(kind)], count);
        }
    }
}

/// Writes a family with one count for each hook, ingress first.
fn by_direction(metric: Metric, pick: fn(&RoundTrips) -> [u64; 2], snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(metric);
    for ([link, netns, interface], end, appearance) in endpoints(snapshot) {
        let [ingress, egress] = pick(&end.round_trips);
        let counts = [(Direction::Ingress, ingress), (Direction::Egress, egress)];
        for (direction, segments) in counts.into_iter().filter(|(_, segments)| appearance.shows(*segments)) {
            family.count([link, netns, interface, direction.as_str()], segments);
        }
    }
}

/// The state of interfaces, programs and tables.
fn state(snapshot: &Snapshot, to: &mut Writer) {
    let mut exits = to.family(names::PARSE_EXITS);
    for &(reason, count) in &snapshot.parse_exits {
        exits.count([reason.label()], count);
    }
    let mut up = to.family(names::ENDPOINT_UP);
    for (labels, end, _) in endpoints(snapshot) {
        up.flag(labels, end.up);
    }
    info::endpoints(snapshot, to);
    info::namespaces(snapshot, to);
    info::skipped(snapshot, to);
    let mut attached = to.family(names::PROGRAM_ATTACHED);
    for ([_, netns, interface, direction], hook, _) in hooks(snapshot) {
        let mode = hook.attached.unwrap_or(snapshot.features.mode).as_str();
        attached.flag([netns, interface, direction, mode], hook.attached.is_some());
    }
    to.family(names::FLOW_ENTRIES).count([], snapshot.flows.entries);
    to.family(names::FLOW_EVICTIONS).count([], snapshot.flows.evicted_flows);
    to.family(names::UDP_FLOW_ENTRIES).count([], snapshot.flows.udp_entries);
    to.family(names::UDP_FLOW_EVICTIONS).count([], snapshot.flows.evicted_udp_flows);
    to.family(names::REQUEST_EVICTIONS).count([], snapshot.flows.evicted_requests);
}

/// The cost of measuring.
#[expect(clippy::cast_precision_loss, reason = "the exposition format has floats only")]
fn cost(cost: &Cost, to: &mut Writer) {
    let programs = cost.programs.as_deref().unwrap_or_default();
    let mut seconds = to.family(names::PROGRAM_RUN_SECONDS);
    for of in programs {
        seconds.gauge([of.program], of.run_ns as f64 / 1e9);
    }
    let mut runs = to.family(names::PROGRAM_RUNS);
    for of in programs {
        runs.count([of.program], of.runs);
    }
    let mut memory = to.family(names::MAP_MEMORY);
    for of in &cost.maps {
        memory.count([&of.map], of.bytes);
    }
    let fills = || cost.maps.iter().filter_map(|of| Some((of.map.as_str(), of.fill?)));
    let mut entries = to.family(names::MAP_ENTRIES);
    for (map, fill) in fills() {
        entries.count([map], fill.entries);
    }
    let mut most = to.family(names::MAP_MAX_ENTRIES);
    for (map, fill) in fills() {
        most.count([map], fill.max_entries);
    }
}

/// netmon's own errors, its version and its lab.
fn identity(snapshot: &Snapshot, errors: &[(&'static str, u64)], to: &mut Writer) {
    let mut family = to.family(names::ERRORS);
    let own = snapshot.errors.iter().map(|(kind, count)| (kind.label(), *count));
    for (kind, count) in own.chain(errors.iter().copied()) {
        family.count([kind], count);
    }
    to.family(names::BUILD_INFO).flag([env!("CARGO_PKG_VERSION")], true);
    let mut labs = to.family(names::LAB_INFO);
    for lab in &snapshot.labs {
        labs.flag([lab.name.as_str(), &lab.file], true);
    }
    let mut applied = to.family(names::LAB_APPLIED);
    for lab in &snapshot.labs {
        // A clock before 1970 is no reason to have no scrape.
        let since = lab.applied_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        applied.gauge([lab.name.as_str()], since.as_secs_f64());
    }
}
