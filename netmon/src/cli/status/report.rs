//! The status of a lab as text.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use anstyle::{AnsiColor, Style};

use super::{audit, parts, probes};
use crate::{
    api::{Endpoint, EndpointName, Hook, Link, LinkDirection, Links, Probe, Summary},
    cli::impair::report as impairment,
    render::{
        table::table,
        units::{self, NONE},
    },
};

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// All of it. Styles are for a terminal; the stream takes them out elsewhere.
pub(super) fn text(address: SocketAddr, links: &Links, of_probes: &[Probe]) -> String {
    with(address, links, |_| {
        probes::section(of_probes).map(|table| format!("\n{table}\n")).unwrap_or_default()
    })
}

/// All of it, and what there is to say of each link only where one is asked for.
pub(super) fn detailed(address: SocketAddr, links: &Links) -> String {
    with(address, links, |links| {
        let sections = [parts::section(links), audit::section(links)];
        sections.into_iter().flatten().map(|section| format!("\n{section}\n")).collect()
    })
}

fn with(address: SocketAddr, links: &Links, details: impl Fn(&Links) -> String) -> String {
    let mut text = heading(address, links);
    if links.links.is_empty() {
        text.push_str("\nThis lab has no links.\n");
        return text;
    }
    let _ = write!(text, "\n{}\n", traffic(links));
    match round_trips(links) {
        Some(table) => {
            let _ = write!(text, "\n{table}\n");
        }
        None => text.push_str(&nothing_yet(links)),
    }
    let impaired = links
        .links
        .iter()
        .flat_map(Link::directions)
        .filter_map(|(crossing, _)| Some((&crossing.from, &crossing.to, crossing.impairment.as_ref()?)));
    if let Some(table) = impairment::table(impaired) {
        let _ = write!(text, "\n{table}\n");
    }
    text.push_str(&details(links));
    for trouble in links.links.iter().flat_map(Link::ends).filter_map(troubles) {
        let _ = write!(text, "\n{BAD}{trouble}{BAD:#}\n");
    }
    let _ = write!(text, "\n{DIM}{}{DIM:#}\n", notes(links));
    text
}

fn heading(address: SocketAddr, links: &Links) -> String {
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
        format!("{lab}, {style}{attached} of {all} hooks watched{style:#}, http://{address}/{persists}\n");
    for end in links.links.iter().flat_map(Link::ends) {
        for disturbance in &end.drift {
            let _ = writeln!(text, "{BAD}{} {disturbance}{BAD:#}", of_endpoint(end));
        }
        if !end.up && end.drift.is_empty() {
            let _ = writeln!(text, "{BAD}{} is down or gone{BAD:#}", of_endpoint(end));
        }
    }
    text
}

fn traffic(links: &Links) -> String {
    let row = |(crossing, sent): (&LinkDirection, &Hook)| {
        let quantile = |pick: fn(&Summary) -> Option<u64>| {
            crossing.latency.as_ref().and_then(pick).map_or(NONE.to_owned(), units::duration)
        };
        [
            name(&crossing.from),
            name(&crossing.to),
            units::count(sent.packets),
            units::bytes(sent.bytes),
            sent.packets_per_second.map_or(NONE.to_owned(), units::per_second),
            sent.bytes_per_second.map_or(NONE.to_owned(), units::bytes_per_second),
            quantile(|latency| latency.p50_ns),
            quantile(|latency| latency.p99_ns),
            crossing.lost_segments.map_or(NONE.to_owned(), units::count),
        ]
    };
    let columns = [
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
    table(columns, links.links.iter().flat_map(Link::directions).map(row))
}

/// Round trips, where there were any.
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
                of_endpoint(end),
                kind.to_owned(),
                units::count(summary.count),
                duration(summary.mean_ns),
                duration(summary.p50_ns),
                duration(summary.p99_ns),
            ]);
        }
    }
    let columns =
        [("AT", false), ("ROUND TRIP", false), ("COUNT", true), ("MEAN", true), ("P50", true), ("P99", true)];
    (!rows.is_empty()).then(|| table(columns, rows))
}

/// What went wrong at an endpoint, on one line; none when nothing did.
fn troubles(end: &Endpoint) -> Option<String> {
    let trips = &end.round_trips;
    let mut troubles: Vec<String> = [
        (trips.icmp_unanswered, "ICMP echoes unanswered"),
        (trips.tcp_connections.get("refused").copied().unwrap_or(0), "TCP connections refused"),
        (trips.tcp_connections.get("reset").copied().unwrap_or(0), "TCP connections reset"),
        (trips.tcp_retransmits_ingress, "TCP retransmissions in"),
        (trips.tcp_retransmits_egress, "TCP retransmissions out"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{what}: {}", units::count(count)))
    .collect();
    let drops = end.dropped_packets.iter().flatten().filter(|(_, count)| **count > 0);
    troubles.extend(audit::troubles(end));
    troubles.extend(drops.map(|(reason, count)| format!("dropped, {reason}: {}", units::count(*count))));
    (!troubles.is_empty()).then(|| format!("{}  {}", of_endpoint(end), troubles.join("; ")))
}

fn nothing_yet(links: &Links) -> String {
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
    let stamped = links
        .links
        .iter()
        .any(|link| link.a_to_b.as_ref().is_some_and(|direction| direction.latency.is_some()));
    let missing =
        if stamped { "" } else { "; one-way latency and loss need Linux 5.18, which can stamp packets" };
    format!("P50 and P99 are one-way latencies since the agent began; {rates}{missing}")
}

fn name(end: &EndpointName) -> String {
    format!("{}:{}", end.namespace, end.interface)
}

pub(super) fn of_endpoint(end: &Endpoint) -> String {
    format!("{}:{}", end.namespace, end.interface)
}

#[cfg(test)]
mod tests {
    use netmon_ebpf::Protocol;
    use netmon_model::{
        by::ByProtocol,
        drift::Drift,
        fixtures,
        histogram::Histogram,
        snapshot::{Snapshot, Traffic},
    };

    use super::*;

    /// The lab `direct` without any trouble.
    fn quiet() -> Snapshot {
        let mut snapshot = fixtures::direct();
        let link = &mut snapshot.links[0];
        for end in std::iter::once(&mut link.a).chain(&mut link.b) {
            end.drops = None;
            end.hooks.iter_mut().for_each(|hook| hook.audit = None);
            let trips = &mut end.round_trips;
            (trips.icmp_unanswered, trips.tcp_retransmits_ingress, trips.tcp_retransmits_egress) = (0, 0, 0);
            trips.tcp_connections.iter_mut().for_each(|(_, count)| *count = 0);
        }
        snapshot
    }

    fn plain(links: &Links) -> String {
        anstream::adapter::strip_str(&text("127.0.0.1:9477".parse().unwrap(), links, &[])).to_string()
    }

    #[test]
    fn each_direction_has_a_row_with_what_left_and_how_late_it_came() {
        let mut snapshot = fixtures::direct();
        let link = &mut snapshot.links[0];
        link.a.hooks.egress.protocols = ByProtocol::default();
        link.a.hooks.egress.protocols[Protocol::Icmp] = Traffic { packets: 1234, bytes: 120_932 };
        link.a_to_b.latency = Some(fixtures::histogram_of(vec![1_000_000; 100]));
        link.a_to_b.lost_segments = Some(7);
        link.b_to_a.latency = None;
        let text = plain(&Links::without_rates(&snapshot));
        assert!(
            text.starts_with("direct (built-in), 4 of 4 hooks watched, http://127.0.0.1:9477/\n"),
            "{text}"
        );
        let row = text.lines().find(|line| line.starts_with("root:veth0 ")).unwrap();
        let cells: Vec<_> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells[..4], ["root:veth0", "direct_netns:veth1", "1,234", "121 kB"], "{row}");
        assert_eq!(cells[4..6], ["-", "-"], "no rates yet: {row}");
        assert_eq!(cells[8], "7", "{row}");
        let back = text.lines().find(|line| line.starts_with("direct_netns:veth1 ")).unwrap();
        assert!(back.contains(" - "), "no latency where none is measured: {back}");
    }

    #[test]
    fn round_trips_that_did_not_happen_are_left_out_and_the_first_is_suggested() {
        let mut snapshot = quiet();
        let link = &mut snapshot.links[0];
        for end in std::iter::once(&mut link.a).chain(&mut link.b) {
            end.round_trips.icmp = Histogram::default();
            end.round_trips.tcp_handshake = Histogram::default();
            end.round_trips.tcp_response = Histogram::default();
        }
        let text = plain(&Links::without_rates(&snapshot));
        assert!(text.contains("try `ping -c 3 10.200.0.3`"), "{text}");
        snapshot.links[0].a.round_trips.tcp_response = fixtures::histogram_of(vec![50_000_000; 3]);
        let text = plain(&Links::without_rates(&snapshot));
        let row = text.lines().find(|line| line.contains("TCP response")).unwrap();
        assert!(row.starts_with("root:veth0") && row.contains("50.0 ms"), "{row}");
        assert!(!text.contains("ICMP echo"), "{text}");
    }

    #[test]
    fn troubles_are_named_where_they_are_and_nothing_is_said_without() {
        let mut snapshot = quiet();
        let nothing = plain(&Links::without_rates(&snapshot));
        assert!(!nothing.contains("unanswered") && !nothing.contains("dropped"), "{nothing}");
        snapshot.links[0].b.as_mut().unwrap().drops =
            Some(vec![("NO_SOCKET".to_owned(), 50), ("TCP_CSUM".to_owned(), 0)]);
        snapshot.links[0].b.as_mut().unwrap().round_trips.icmp_unanswered = 3;
        let text = plain(&Links::without_rates(&snapshot));
        let line = "direct_netns:veth1  ICMP echoes unanswered: 3; dropped, NO_SOCKET: 50\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn what_is_not_watched_or_down_is_said_at_the_top() {
        let mut snapshot = fixtures::direct();
        snapshot.links[0].b.as_mut().unwrap().hooks.egress.attached = None;
        snapshot.links[0].b.as_mut().unwrap().up = false;
        let text = plain(&Links::without_rates(&snapshot));
        assert!(text.contains("3 of 4 hooks watched"), "{text}");
        assert!(text.contains("direct_netns:veth1 is down or gone\n"), "{text}");
        snapshot.links[0].a.drift = vec![Drift::Renamed { to: "eth9".to_owned() }];
        let text = plain(&Links::without_rates(&snapshot));
        assert!(text.contains("root:veth0 is called eth9 now"), "{text}");
    }
}
