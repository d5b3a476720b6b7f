//! `/api/v1/totals`: the counters and the complete histograms of every series, as a recording has them.
//!
//! The other paths give quantiles, which cannot be subtracted. Two of these totals can: the difference is exactly what
//! happened in between.

use netmon_compare::{
    recording::{self, SeriesTotal, Totals, TotalsLab},
    series::{Amount, End, Figure, Latencies, Place, Series, Share},
};
use netmon_model::{
    histogram::{Histogram, Total},
    names::{Direction, Side},
    snapshot::{EndpointSnapshot, LinkSnapshot, ProbeSnapshot, Requests, Snapshot},
};

use super::{Agent, Lab, unix_ms};

/// Returns the totals of a reading.
pub(crate) fn of(snapshot: &Snapshot, agent: &Agent) -> Totals {
    let lab = Lab::of_first(snapshot).map(|Lab { name, file, .. }| TotalsLab { name, file });
    let links = snapshot.links.iter().flat_map(|link| ways(link).into_iter().chain(ends(link)));
    let probes = snapshot.probes.iter().flat_map(probe);
    Totals {
        taken_at_unix_ms: unix_ms(snapshot.taken_at),
        monotonic_ns: snapshot.monotonic_ns,
        agent: recording::Agent {
            version: agent.version.clone(),
            started_at_unix_ms: agent.started_at_unix_ms,
        },
        lab,
        totals: links.chain(probes).collect(),
    }
}

/// What crosses a link in each direction. Empty unless both ends are known.
fn ways(link: &LinkSnapshot) -> Vec<SeriesTotal> {
    let mut totals = Vec::new();
    for (from, to, way) in link.directions() {
        let place = Place::Direction { link: link.name.clone(), from: end(from), to: end(to) };
        let sent = &from.hooks[Direction::Egress];
        let lost = way.lost_segments.map(|part| Amount::Share(Share { part, whole: sent.segments }));
        let amounts = [
            (Figure::LinkLatency, way.latency.as_ref().map(latency)),
            (Figure::LinkLoss, lost),
            (Figure::Throughput, Some(Amount::Bytes(sent.wire_bytes))),
        ];
        totals.extend(series(&place, from, amounts));
    }
    totals
}

/// What is measured at each end of a link.
fn ends(link: &LinkSnapshot) -> Vec<SeriesTotal> {
    let both = [Side::A, Side::B].into_iter().filter_map(|side| link.end(side));
    both.flat_map(|at| {
        let place = Place::End { link: link.name.clone(), at: end(at) };
        series(&place, at, round_trips(at)).collect::<Vec<_>>()
    })
    .collect()
}

fn round_trips(at: &EndpointSnapshot) -> [(Figure, Option<Amount>); 9] {
    let trips = &at.round_trips;
    let sent = at.hooks[Direction::Egress].segments;
    let retransmits = Share { part: trips.tcp_retransmits_egress, whole: sent };
    let dns = trips.dns.as_ref();
    [
        (Figure::IcmpRtt, Some(mean(trips.icmp_asked))),
        (Figure::IcmpTurnaround, Some(mean(trips.icmp_answered))),
        (Figure::IcmpUnanswered, Some(unanswered(&trips.icmp_requests, trips.icmp.count))),
        (Figure::TcpHandshake, Some(latency(&trips.tcp_handshake))),
        (Figure::TcpRtt, trips.tcp_rtt.as_ref().map(latency)),
        (Figure::TcpResponse, Some(latency(&trips.tcp_response))),
        (Figure::TcpRetransmits, Some(Amount::Share(retransmits))),
        (Figure::DnsLatency, dns.map(latency)),
        (Figure::DnsUnanswered, dns.map(|dns| unanswered(&trips.dns_queries, dns.count))),
    ]
}

fn probe(probe: &ProbeSnapshot) -> [SeriesTotal; 2] {
    let place = || Place::Probe { from: probe.from.clone(), name: probe.name.clone() };
    let all = probe.failures + probe.durations.count;
    let failures = Amount::Share(Share { part: probe.failures, whole: all });
    [(Figure::ProbeDuration, latency(&probe.durations)), (Figure::ProbeFailures, failures)].map(
        |(figure, amount)| SeriesTotal { series: Series { place: place(), figure }, ifindex: None, amount },
    )
}

/// Returns the amounts that are measured, as series of this place.
fn series<const N: usize>(
    place: &Place,
    counted_at: &EndpointSnapshot,
    amounts: [(Figure, Option<Amount>); N],
) -> impl Iterator<Item = SeriesTotal> {
    amounts.into_iter().filter_map(|(figure, amount)| {
        let series = Series { place: place.clone(), figure };
        Some(SeriesTotal { series, ifindex: Some(counted_at.ifindex.0), amount: amount? })
    })
}

fn end(endpoint: &EndpointSnapshot) -> End {
    End { netns: endpoint.namespace.clone(), interface: endpoint.interface.clone() }
}

fn latency(histogram: &Histogram) -> Amount {
    Amount::Latency(Latencies(histogram.clone()))
}

/// Durations without buckets: echoes share one histogram, from either end.
fn mean(total: Total) -> Amount {
    Amount::Latency(Latencies(Histogram::from_used(0, &[], total.sum_ns, total.count)))
}

/// Requests without an answer, of all whose fate is known.
fn unanswered(requests: &Requests, timed: u64) -> Amount {
    let answered = timed + requests.unsampled;
    Amount::Share(Share { part: requests.unanswered, whole: requests.unanswered + answered })
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    fn totals() -> Totals {
        of(&fixtures::direct(), &Agent { version: "0.1.0".to_owned(), started_at_unix_ms: 7 })
    }

    #[test]
    fn each_figure_of_a_place_is_there_once() {
        let totals = totals();
        let mut series: Vec<_> = totals.totals.iter().map(|total| &total.series).collect();
        let all = series.len();
        series.sort();
        series.dedup();
        assert_eq!(series.len(), all);
        let has = |figure: Figure| totals.totals.iter().any(|total| total.series.figure == figure);
        let missing: Vec<_> = Figure::ALL.into_iter().filter(|figure| !has(*figure)).collect();
        assert!(
            missing
                .iter()
                .all(|figure| [Figure::TcpRtt, Figure::DnsLatency, Figure::DnsUnanswered].contains(figure))
        );
    }

    #[test]
    fn totals_are_those_of_the_snapshot_with_all_buckets() {
        let (snapshot, totals) = (fixtures::direct(), totals());
        let link = &snapshot.links[0];
        let of = |figure: Figure| {
            let of_figure = |total: &&SeriesTotal| total.series.figure == figure;
            totals.totals.iter().find(of_figure).unwrap()
        };
        assert_eq!(of(Figure::LinkLatency).amount, latency(link.a_to_b.latency.as_ref().unwrap()));
        assert_eq!(of(Figure::Throughput).amount, Amount::Bytes(link.a.hooks.egress.wire_bytes));
        assert_eq!(of(Figure::LinkLoss).ifindex, Some(link.a.ifindex.0));
        assert_eq!(of(Figure::ProbeDuration).amount, latency(&snapshot.probes[0].durations));
    }

    #[test]
    fn what_the_kernel_cannot_measure_has_no_series() {
        let mut snapshot = fixtures::direct();
        snapshot.links[0].a_to_b.latency = None;
        snapshot.links[0].b_to_a.latency = None;
        let totals = of(&snapshot, &Agent::default());
        assert!(totals.totals.iter().all(|total| total.series.figure != Figure::LinkLatency));
    }
}
