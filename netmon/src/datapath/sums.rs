//! Values of all CPUs added up, as the plain data of a snapshot.

use aya::maps::PerCpuValues;
use netmon_ebpf::{
    Protocol,
    endpoint::{Counters, HookCounters as AbiHook, RoundTrip, RoundTrips as AbiRoundTrips},
    epoch::LOSS_EPOCHS,
    histogram::Histogram as AbiHistogram,
};

use crate::{
    histogram::Histogram,
    snapshot::{AttachMode, HookCounters, ProtocolCounters, RoundTrips},
};

/// A histogram of all CPUs, which `of` picks from each.
pub(super) fn histogram<V: aya::Pod>(
    values: &PerCpuValues<V>,
    of: impl Fn(&V) -> &AbiHistogram,
) -> Histogram {
    let mut sum = Histogram::default();
    for value in values.iter() {
        let one = of(value);
        sum.sum_ns = sum.sum_ns.wrapping_add(one.sum_ns);
        for (to, from) in sum.buckets.iter_mut().zip(&one.buckets) {
            *to += from;
        }
    }
    sum.count = sum.buckets.iter().sum();
    sum
}

/// One hook's counters of all CPUs.
pub(super) fn hook(
    values: &PerCpuValues<Counters>,
    index: usize,
    attached: Option<AttachMode>,
) -> HookCounters {
    let of_hook = || values.iter().map(|value| &value.hooks[index]);
    let protocols = Protocol::ALL
        .iter()
        .map(|&protocol| {
            let of = |hook: &AbiHook| hook.protocols[protocol as usize];
            ProtocolCounters {
                protocol: protocol.label(),
                packets: of_hook().map(|hook| of(hook).packets).sum(),
                bytes: of_hook().map(|hook| of(hook).bytes).sum(),
            }
        })
        .collect();
    HookCounters {
        attached,
        protocols,
        segments: of_hook().map(|hook| hook.segments).sum(),
        wire_bytes: of_hook().map(|hook| hook.wire_bytes).sum(),
    }
}

/// One hook's segments by epoch, of all CPUs.
pub(super) fn epochs(values: &PerCpuValues<Counters>, index: usize) -> [u32; LOSS_EPOCHS] {
    let mut sum = [0_u32; LOSS_EPOCHS];
    for value in values.iter() {
        for (to, from) in sum.iter_mut().zip(&value.epochs[index]) {
            *to = to.wrapping_add(*from);
        }
    }
    sum
}

/// The round trips of an endpoint, of all CPUs.
pub(super) fn round_trips(values: &PerCpuValues<AbiRoundTrips>) -> RoundTrips {
    let of = |kind: RoundTrip| histogram(values, move |value| &value.histograms[kind as usize]);
    RoundTrips {
        icmp: of(RoundTrip::IcmpEcho),
        tcp_handshake: of(RoundTrip::TcpHandshake),
        tcp_rtt: Some(of(RoundTrip::TcpRtt)),
        tcp_response: of(RoundTrip::TcpResponse),
        dns: Some(of(RoundTrip::Dns)),
    }
}
