//! Sums the values of all CPUs, as the plain data of a snapshot.

use std::array;

use aya::maps::PerCpuValues;
use netmon_ebpf::{
    Protocol,
    abi::{EGRESS, INGRESS},
    endpoint::{
        Counters, HookCounters as AbiHook, RCODE_LABELS, RoundTrip, RoundTrips as AbiRoundTrips, TcpEvent,
        Unsure,
    },
    epoch::{ANSWER_EPOCHS, LOSS_EPOCHS},
    histogram::{BUCKETS, Histogram as AbiHistogram},
    request_counters::RequestCounters,
    stamp::RefusedStamp,
};
use netmon_model::{
    by::ByProtocol,
    histogram::{Histogram, Total},
    names::Direction,
    snapshot::{Requests, RoundTrips, Traffic},
};

use super::counts::HookCounts;

/// Returns the sum of a histogram over all CPUs. `of` selects it from each value.
pub(super) fn histogram<V: aya::Pod>(
    values: &PerCpuValues<V>,
    of: impl Fn(&V) -> &AbiHistogram,
) -> Histogram {
    let (mut buckets, mut sum_ns) = ([0; BUCKETS], 0_u64);
    for value in values.iter() {
        let one = of(value);
        sum_ns = sum_ns.wrapping_add(one.sum_ns);
        for (to, from) in buckets.iter_mut().zip(&one.buckets) {
            *to += from;
        }
    }
    Histogram::new(&buckets, sum_ns, buckets.iter().sum())
}

/// Returns one hook's counters, summed over all CPUs.
pub(super) fn hook(values: &PerCpuValues<Counters>, direction: Direction) -> HookCounts {
    let of_hook = || values.iter().map(|value| &value.hooks[index_of(direction)]);
    let traffic = |protocol: Protocol| {
        let of = |hook: &AbiHook| hook.protocols[protocol as usize];
        Traffic {
            packets: of_hook().map(|hook| of(hook).packets).sum(),
            bytes: of_hook().map(|hook| of(hook).bytes).sum(),
        }
    };
    HookCounts {
        protocols: ByProtocol::from_fn(traffic),
        segments: of_hook().map(|hook| hook.segments).sum(),
        wire_bytes: of_hook().map(|hook| hook.wire_bytes).sum(),
    }
}

/// Returns the index of a hook in the kernel's maps. This is the only place that defines it.
pub(super) fn index_of(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => INGRESS,
        Direction::Egress => EGRESS,
    }
}

/// Returns one hook's segments by epoch, summed over all CPUs.
pub(super) fn epochs(values: &PerCpuValues<Counters>, index: usize) -> [u32; LOSS_EPOCHS] {
    let mut sum = [0_u32; LOSS_EPOCHS];
    for value in values.iter() {
        for (to, from) in sum.iter_mut().zip(&value.epochs[index]) {
            *to = to.wrapping_add(*from);
        }
    }
    sum
}

/// Returns the round trips of an endpoint, summed over all CPUs. The caller provides what became of the requests.
pub(super) fn round_trips(
    counters: &PerCpuValues<Counters>,
    values: &PerCpuValues<AbiRoundTrips>,
) -> RoundTrips {
    let of = |kind: RoundTrip| histogram(values, move |value| &value.histograms[kind as usize]);
    let total = |count: &dyn Fn(&AbiRoundTrips) -> u64| values.iter().map(count).sum::<u64>();
    RoundTrips {
        icmp: histogram(counters, |value| &value.echoes.round_trips),
        icmp_asked: echo_total(counters, EGRESS),
        icmp_answered: echo_total(counters, INGRESS),
        tcp_handshake: of(RoundTrip::TcpHandshake),
        tcp_rtt: Some(of(RoundTrip::TcpRtt)),
        tcp_response: of(RoundTrip::TcpResponse),
        dns: Some(of(RoundTrip::Dns)),
        icmp_requests: Requests::default(),
        dns_queries: Requests::default(),
        tcp_connections: TcpEvent::ALL
            .iter()
            .map(|&event| (event, total(&|value| value.tcp_events[event as usize])))
            .collect(),
        tcp_retransmits_ingress: total(&|value| value.tcp_retransmits[INGRESS]),
        tcp_retransmits_egress: total(&|value| value.tcp_retransmits[EGRESS]),
        tcp_reordered_ingress: total(&|value| value.tcp_reordered[INGRESS]),
        tcp_reordered_egress: total(&|value| value.tcp_reordered[EGRESS]),
        tcp_unsure: Unsure::ALL
            .iter()
            .map(|&reason| (reason, total(&|value| value.tcp_unsure[reason as usize])))
            .collect(),
        dns_responses: dns_responses(values),
    }
}

/// Returns the packets with a delivery time that is no stamp, by reason.
pub(super) fn refused_stamps(values: &PerCpuValues<AbiRoundTrips>) -> Vec<(RefusedStamp, u64)> {
    let total = |reason: RefusedStamp| values.iter().map(|value| value.refused_stamps[reason as usize]).sum();
    RefusedStamp::ALL.into_iter().map(|reason| (reason, total(reason))).collect()
}

/// Returns the total of the echoes whose request passed `hook`, over all CPUs.
fn echo_total(values: &PerCpuValues<Counters>, hook: usize) -> Total {
    values.iter().map(|value| value.echoes.sums[hook]).fold(Total::default(), |all, one| Total {
        count: all.count + one.count,
        sum_ns: all.sum_ns.wrapping_add(one.sum_ns),
    })
}

/// Returns the DNS responses by the label of their code, without codes that never occurred.
fn dns_responses(values: &PerCpuValues<AbiRoundTrips>) -> Vec<(&'static str, u64)> {
    let mut responses: Vec<(&'static str, u64)> = Vec::new();
    for (code, label) in RCODE_LABELS.into_iter().enumerate() {
        let count: u64 = values.iter().map(|value| value.dns_rcodes[code]).sum();
        match responses.iter_mut().find(|(known, _)| *known == label) {
            Some((_, total)) => *total += count,
            None if count > 0 => responses.push((label, count)),
            None => {}
        }
    }
    responses
}

/// Returns the requests that were neither answered nor given up. The counts wrap, their differences do not.
pub(super) fn waiting(counted: &RequestCounters, unanswered: u64) -> u64 {
    let sum =
        |counts: &[u32; ANSWER_EPOCHS]| counts.iter().fold(0_u32, |sum, count| sum.wrapping_add(*count));
    // A reading is not atomic: a request may have been answered between its two halves.
    let open = sum(&counted.asked).wrapping_sub(sum(&counted.answered)).wrapping_sub(unanswered as u32);
    u64::try_from(open.cast_signed()).unwrap_or(0)
}

/// Returns the counters of requests of one kind, summed over all CPUs. `of` selects them from each value.
pub(super) fn requests<V: aya::Pod>(
    values: &PerCpuValues<V>,
    of: impl Fn(&V) -> &RequestCounters,
) -> RequestCounters {
    values.iter().map(of).fold(RequestCounters::ZERO, |all, one| RequestCounters {
        asked: array::from_fn(|slot| all.asked[slot].wrapping_add(one.asked[slot])),
        answered: array::from_fn(|slot| all.answered[slot].wrapping_add(one.answered[slot])),
        repeated: all.repeated + one.repeated,
        unsampled: all.unsampled.wrapping_add(one.unsampled),
    })
}
