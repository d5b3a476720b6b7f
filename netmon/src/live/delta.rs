//! What happened on a link between two readings: plain numbers that add up.
//!
//! The history is made of these, and so is every window that a stream sends. A delta holds no names and no totals, so
//! two neighbouring windows are merged by adding.

use netmon_model::{
    by::Ends,
    histogram::{Histogram, Total},
    names::{Direction, Side},
};

use super::{LinkTotals, totals::EndpointTotals};

/// What happened on a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkDelta {
    /// Each direction, by the end that packets left. `None` while the peer is not known.
    pub(crate) directions: Ends<Option<DirectionDelta>>,
    /// Each end. `None` while it is not known.
    pub(crate) ends: Ends<Option<EndDelta>>,
}

/// What crossed a link in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectionDelta {
    /// Packets that left the sending end.
    pub(crate) packets: u64,
    /// Their bytes on the wire.
    pub(crate) wire_bytes: u64,
    /// Packets that arrived at the receiving end.
    pub(crate) arrived_packets: u64,
    /// Segments that left and did not arrive. `None` if losses are not measured.
    pub(crate) lost: Option<u64>,
    /// One-way latencies. `None` if they are not measured.
    pub(crate) latency: Option<Histogram>,
}

/// What happened at one end of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndDelta {
    /// Echoes that this end requested.
    pub(crate) icmp: Total,
    /// Round trips of TCP data. `None` if they are not measured.
    pub(crate) tcp_rtt: Option<Total>,
    /// TCP segments that left a second time.
    pub(crate) retransmits: u64,
    /// Packets that the kernel dropped. `None` if it does not report drops.
    pub(crate) dropped: Option<u64>,
}

impl LinkDelta {
    /// Returns what happened between `before` and `now`, two readings of the same link.
    pub(crate) fn between(before: &LinkTotals, now: &LinkTotals) -> Self {
        Self {
            directions: Ends::from_fn(|from| DirectionDelta::between(before, now, from)),
            ends: Ends::from_fn(|side| Some(EndDelta::between(before.end(side)?, now.end(side)?))),
        }
    }

    /// Adds what happened in the window after this one.
    pub(crate) fn add(&mut self, next: &Self) {
        for side in [Side::A, Side::B] {
            merge(&mut self.directions[side], next.directions[side].as_ref(), DirectionDelta::add);
            merge(&mut self.ends[side], next.ends[side].as_ref(), EndDelta::add);
        }
    }
}

/// Adds `next`, if both windows have this value. Otherwise the value is the one that is known.
fn merge<T: Clone>(sum: &mut Option<T>, next: Option<&T>, add: impl FnOnce(&mut T, &T)) {
    let Some(next) = next else { return };
    match sum {
        Some(sum) => add(sum, next),
        None => *sum = Some(next.clone()),
    }
}

impl DirectionDelta {
    fn between(before: &LinkTotals, now: &LinkTotals, from: Side) -> Option<Self> {
        let sent = |of: &LinkTotals| Some(of.end(from)?.hooks[Direction::Egress]);
        let arrived = |of: &LinkTotals| Some(of.end(from.peer())?.hooks[Direction::Ingress].packets);
        let (sent_before, sent_now) = (sent(before)?, sent(now)?);
        Some(Self {
            packets: sent_now.packets.saturating_sub(sent_before.packets),
            wire_bytes: sent_now.wire_bytes.saturating_sub(sent_before.wire_bytes),
            arrived_packets: arrived(now)?.saturating_sub(arrived(before)?),
            lost: since(before.lost(from), now.lost(from)),
            latency: now.latency(from).zip(before.latency(from)).map(|(now, before)| now.since(before)),
        })
    }

    fn add(&mut self, next: &Self) {
        self.packets += next.packets;
        self.wire_bytes += next.wire_bytes;
        self.arrived_packets += next.arrived_packets;
        merge(&mut self.lost, next.lost.as_ref(), |sum, more| *sum += more);
        merge(&mut self.latency, next.latency.as_ref(), Histogram::add);
    }
}

impl EndDelta {
    fn between(before: &EndpointTotals, now: &EndpointTotals) -> Self {
        Self {
            icmp: now.round_trips.icmp_asked.since(before.round_trips.icmp_asked),
            tcp_rtt: now.tcp_rtt.zip(before.tcp_rtt).map(|(now, before)| now.since(before)),
            retransmits: now.retransmits.saturating_sub(before.retransmits),
            dropped: since(before.dropped, now.dropped),
        }
    }

    fn add(&mut self, next: &Self) {
        let add = |sum: &mut Total, more: &Total| {
            sum.count += more.count;
            sum.sum_ns += more.sum_ns;
        };
        add(&mut self.icmp, &next.icmp);
        merge(&mut self.tcp_rtt, next.tcp_rtt.as_ref(), add);
        self.retransmits += next.retransmits;
        merge(&mut self.dropped, next.dropped.as_ref(), |sum, more| *sum += more);
    }
}

fn since(before: Option<u64>, now: Option<u64>) -> Option<u64> {
    Some(now?.saturating_sub(before?))
}
