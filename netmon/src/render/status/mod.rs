//! The status of a lab, or of several: traffic, round trips, impairments, probes and problems of its links.

mod audit;
mod labs;
mod parts;
mod probes;

use std::{fmt::Write as _, time::Duration};

use netmon_model::server_address::ServerAddress;

pub use self::labs::{LabStatus, LabTotals, several};
use super::{
    endpoint_name, impairment,
    style::{BAD, BOLD, DIM, GOOD},
    table::table,
    units::{self, NONE},
};
use crate::api::{Endpoint, EndpointName, Hook, Link, LinkDirection, Links, Probe, RoundTrips, Summary};

const TRAFFIC: [(&str, bool); 9] = [
    ("FROM", false),
    ("TO", false),
    ("PACKETS", true),
    ("BYTES", true),
    ("PACKETS/S", true),
    ("RATE", true),
    ("P50", true),
    ("P99", true),
    ("LOST", true),
];
const ROUND_TRIPS: [(&str, bool); 6] =
    [("AT", false), ("ROUND TRIP", false), ("COUNT", true), ("MEAN", true), ("P50", true), ("P99", true)];

/// Renders all links and probes of the lab whose agent listens at `address`.
#[must_use]
pub fn overview(address: &ServerAddress, links: &Links, of_probes: &[Probe]) -> String {
    with_sections(address, links, [probes::section(of_probes)])
}

/// Renders links with the parts of their round trips and the audit of their counts.
#[must_use]
pub fn detailed(address: &ServerAddress, links: &Links) -> String {
    with_sections(address, links, [parts::section(links), audit::section(links)])
}

fn with_sections<const N: usize>(
    address: &ServerAddress,
    links: &Links,
    sections: [Option<String>; N],
) -> String {
    let mut text = heading(address, links);
    if links.links.is_empty() {
        text.push_str("\nNo links are watched.\n");
        return text;
    }
    let _ = write!(text, "\n{}\n", traffic(links));
    match round_trips(links) {
        Some(table) => {
            let _ = write!(text, "\n{table}\n");
        }
        None => text.push_str(&no_round_trips(links)),
    }
    let impaired =
        links.links.iter().flat_map(Link::directions).filter_map(|(direction, _)| {
            Some((&direction.from, &direction.to, direction.impairment.as_ref()?))
        });
    for section in [impairment::measured(impaired)].into_iter().chain(sections).flatten() {
        let _ = write!(text, "\n{section}\n");
    }
    for problems in links.links.iter().flat_map(Link::ends).filter_map(problems) {
        let _ = write!(text, "\n{BAD}{problems}{BAD:#}\n");
    }
    let _ = write!(text, "\n{DIM}{}{DIM:#}\n", notes(links));
    text
}

fn heading(address: &ServerAddress, links: &Links) -> String {
    let hooks = || links.links.iter().flat_map(Link::ends).flat_map(|end| [&end.ingress, &end.egress]);
    let (attached, all) = (hooks().filter(|hook| hook.attached.is_some()).count(), hooks().count());
    let style = if attached == all { GOOD } else { BAD };
    let persists =
        if links.lab.as_ref().is_some_and(|lab| lab.persists) { ", counting persists" } else { "" };
    let lab = links
        .lab
        .as_ref()
        .map_or_else(|| "no lab".to_owned(), |lab| format!("{BOLD}{}{BOLD:#} ({})", lab.name, lab.file));
    let mut text =
        format!("{lab}, {style}{attached} of {all} hooks watched{style:#}, {}{persists}\n", address.url());
    for end in links.links.iter().flat_map(Link::ends) {
        for drift in &end.drift {
            let _ = writeln!(text, "{BAD}{} {drift}{BAD:#}", name(end));
        }
        if !end.up && end.drift.is_empty() {
            let _ = writeln!(text, "{BAD}{} is down or missing{BAD:#}", name(end));
        }
    }
    text
}

fn traffic(links: &Links) -> String {
    let row = |(direction, sent): (&LinkDirection, &Hook)| {
        let quantile = |pick: fn(&Summary) -> Option<u64>| {
            direction.latency.as_ref().and_then(pick).map_or(NONE.to_owned(), units::duration)
        };
        let name = |end: &EndpointName| endpoint_name(&end.namespace, &end.interface);
        [
            name(&direction.from),
            name(&direction.to),
            units::count(sent.packets),
            units::bytes(sent.bytes),
            sent.packets_per_second.map_or(NONE.to_owned(), units::per_second),
            sent.bytes_per_second.map_or(NONE.to_owned(), units::bytes_per_second),
            quantile(|latency| latency.p50_ns),
            quantile(|latency| latency.p99_ns),
            direction.lost_segments.map_or(NONE.to_owned(), units::count),
        ]
    };
    table(TRAFFIC, links.links.iter().flat_map(Link::directions).map(row))
}

/// Renders the kinds of round trips that occurred. Returns `None` if none did.
fn round_trips(links: &Links) -> Option<String> {
    let mut rows = Vec::new();
    for end in links.links.iter().flat_map(Link::ends) {
        let trips = &end.round_trips;
        let kinds = [
            ("ICMP echo", &trips.icmp),
            ("TCP handshake", &trips.tcp_handshake),
            ("TCP round trip", &trips.tcp_rtt),
            ("TCP response", &trips.tcp_response),
            ("DNS", &trips.dns),
        ];
        for (kind, summary) in kinds {
            let Some(summary) = summary.as_ref().filter(|summary| summary.count > 0) else { continue };
            let duration = |ns: Option<u64>| ns.map_or(NONE.to_owned(), units::duration);
            rows.push([
                name(end),
                kind.to_owned(),
                units::count(summary.count),
                duration(summary.mean_ns),
                duration(summary.p50_ns),
                duration(summary.p99_ns),
            ]);
        }
    }
    (!rows.is_empty()).then(|| table(ROUND_TRIPS, rows))
}

/// Renders what went wrong at an endpoint, on one line. Returns `None` if nothing did.
fn problems(end: &Endpoint) -> Option<String> {
    let trips = &end.round_trips;
    let connections = |event| trips.tcp_connections.get(event).copied().unwrap_or(0);
    let mut problems: Vec<String> = [
        (trips.icmp_unanswered, "ICMP echoes unanswered"),
        (trips.icmp_repeated, "ICMP echoes repeated"),
        (trips.dns_unanswered, "DNS queries unanswered"),
        (trips.dns_repeated, "DNS queries repeated"),
        (connections("refused"), "TCP connections refused"),
        (connections("reset"), "TCP connections reset"),
        (trips.tcp_retransmits_ingress, "TCP retransmissions in"),
        (trips.tcp_retransmits_egress, "TCP retransmissions out"),
        (trips.tcp_reordered_ingress, "TCP segments reordered in"),
        (trips.tcp_reordered_egress, "TCP segments reordered out"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{what}: {}", units::count(count)))
    .collect();
    problems.extend(audit::problems(end));
    let drops = end.dropped_packets.iter().flatten().filter(|(_, count)| **count > 0);
    problems.extend(drops.map(|(reason, count)| dropped(trips, reason, *count)));
    (!problems.is_empty()).then(|| format!("{}  {}", name(end), problems.join("; ")))
}

/// Renders the drops of one reason.
///
/// ping reads a copy of each answer from a raw socket. The kernel drops the answer itself, because no other socket takes
/// it, so these drops are as many as the echoes that were answered, and harmless.
fn dropped(trips: &RoundTrips, reason: &str, count: u64) -> String {
    let answered = trips.icmp.as_ref().map_or(0, |icmp| icmp.count) + trips.icmp_unsampled;
    let is_ping = reason == "NO_SOCKET" && count <= answered;
    let hint = if is_ping { " (probably answers that ping has read)" } else { "" };
    format!("dropped, {reason}: {}{hint}", units::count(count))
}

fn no_round_trips(links: &Links) -> String {
    let ends = links.links.iter().flat_map(|link| link.b.iter().chain([&link.a]));
    let elsewhere = ends.filter(|end| !end.namespace.is_root()).flat_map(|end| &end.addresses).next();
    match elsewhere {
        Some(address) => format!("\nNo round trips yet: try `ping -c 3 {}`.\n", address.addr()),
        None => "\nNo round trips yet.\n".to_owned(),
    }
}

fn notes(links: &Links) -> String {
    let rates = match links.window_seconds {
        Some(window) => format!("rates over the last {}", units::seconds(Duration::from_secs_f64(window))),
        None => "no rates yet".to_owned(),
    };
    let is_stamped = |(direction, _): (&LinkDirection, &Hook)| direction.latency.is_some();
    let missing = match links.links.iter().flat_map(Link::directions).any(is_stamped) {
        true => "",
        false => "; one-way latency and loss need Linux 5.18, which can stamp packets",
    };
    format!("P50 and P99 are one-way latencies since the agent began; {rates}{missing}")
}

fn name(end: &Endpoint) -> String {
    endpoint_name(&end.namespace, &end.interface)
}

#[cfg(test)]
mod tests;
