//! The totals of one link at one moment: plain numbers, and their differences over time.

use std::time::Duration;

use netmon_model::{
    by::{Ends, Hooks},
    histogram::{Histogram, Total},
    names::{Direction, EndpointId, IfIndex, Side},
    snapshot::{EndpointSnapshot, HookCounters, LinkSnapshot, RoundTrips},
};

/// The total traffic of a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookTotals {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    pub(crate) wire_bytes: u64,
}

impl From<&HookCounters> for HookTotals {
    fn from(hook: &HookCounters) -> Self {
        Self {
            packets: hook.packets(),
            bytes: hook.bytes(),
            segments: hook.segments,
            wire_bytes: hook.wire_bytes,
        }
    }
}

impl HookTotals {
    /// Returns the rates between `earlier` and this, which are `window` apart.
    pub(crate) fn rates_since(self, earlier: Self, window: Duration) -> HookRates {
        #[expect(clippy::cast_precision_loss, reason = "what passes in seconds is far below 2^53")]
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / window.as_secs_f64();
        HookRates {
            packets: rate(self.packets, earlier.packets),
            bytes: rate(self.bytes, earlier.bytes),
            segments: rate(self.segments, earlier.segments),
            wire_bytes: rate(self.wire_bytes, earlier.wire_bytes),
        }
    }
}

/// The traffic of a hook per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HookRates {
    pub(crate) packets: f64,
    pub(crate) bytes: f64,
    pub(crate) segments: f64,
    pub(crate) wire_bytes: f64,
}

/// Those round trips of an endpoint that are taken apart into the parts of their path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoundTripTotals {
    pub(crate) icmp_asked: Total,
    pub(crate) icmp_answered: Total,
    /// Both those that began here and those that were answered here.
    pub(crate) tcp_handshake: Total,
}

impl From<&RoundTrips> for RoundTripTotals {
    fn from(trips: &RoundTrips) -> Self {
        Self {
            icmp_asked: trips.icmp_asked,
            icmp_answered: trips.icmp_answered,
            tcp_handshake: trips.tcp_handshake.total(),
        }
    }
}

impl RoundTripTotals {
    /// Returns what was added since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            icmp_asked: self.icmp_asked.since(earlier.icmp_asked),
            icmp_answered: self.icmp_answered.since(earlier.icmp_answered),
            tcp_handshake: self.tcp_handshake.since(earlier.tcp_handshake),
        }
    }
}

/// The totals of one endpoint of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndpointTotals {
    pub(super) id: EndpointId,
    ifindex: IfIndex,
    pub(crate) hooks: Hooks<HookTotals>,
    pub(crate) round_trips: RoundTripTotals,
    /// Round trips of TCP data; `None` if they are not measured.
    pub(crate) tcp_rtt: Option<Total>,
    /// TCP segments that left a second time.
    pub(crate) retransmits: u64,
    /// Packets that the kernel dropped here; `None` if it does not report drops.
    pub(crate) dropped: Option<u64>,
}

impl From<&EndpointSnapshot> for EndpointTotals {
    fn from(endpoint: &EndpointSnapshot) -> Self {
        Self {
            id: endpoint.id,
            ifindex: endpoint.ifindex,
            hooks: Hooks::from_fn(|direction| HookTotals::from(&endpoint.hooks[direction])),
            round_trips: RoundTripTotals::from(&endpoint.round_trips),
            tcp_rtt: endpoint.round_trips.tcp_rtt.as_ref().map(Histogram::total),
            retransmits: endpoint.round_trips.tcp_retransmits_egress,
            dropped: endpoint.drops.as_ref().map(|drops| drops.iter().map(|(_, count)| count).sum()),
        }
    }
}

impl EndpointTotals {
    /// Returns whether `now` is the same endpoint later. A slot and an ifindex may be those of another interface by now,
    /// but only its counters can be behind.
    fn precedes(&self, now: &EndpointSnapshot) -> bool {
        let is_behind = |hook| HookTotals::from(&now.hooks[hook]).packets < self.hooks[hook].packets;
        let restarted = Direction::BOTH.into_iter().any(is_behind);
        (self.id, self.ifindex) == (now.id, now.ifindex) && !restarted
    }
}

/// The totals of one link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkTotals {
    /// Each end; `None` if it was not known.
    ends: Ends<Option<EndpointTotals>>,
    /// One-way latencies by the end that packets left; `None` if they were not measured.
    latency: Ends<Option<Histogram>>,
    /// Segments that left an end and did not arrive at the other; `None` if losses are not measured.
    lost: Ends<Option<u64>>,
}

impl From<&LinkSnapshot> for LinkTotals {
    fn from(link: &LinkSnapshot) -> Self {
        Self {
            ends: Ends::from_fn(|side| link.end(side).map(EndpointTotals::from)),
            latency: Ends::from_fn(|from| link.direction_from(from).latency.clone()),
            lost: Ends::from_fn(|from| link.direction_from(from).lost_segments),
        }
    }
}

impl LinkTotals {
    /// Returns whether these are totals of the same endpoints, as far as they were known: after a change of the lab,
    /// another pair of interfaces may have the link's name.
    pub(super) fn is_of(&self, link: &LinkSnapshot) -> bool {
        let is_same = |side: Side| match (&self.ends[side], link.end(side)) {
            (Some(then), Some(now)) => then.precedes(now),
            _ => true,
        };
        is_same(Side::A) && is_same(Side::B)
    }

    /// Returns the totals of one end. `None` if it was not known.
    pub(crate) fn end(&self, side: Side) -> Option<&EndpointTotals> {
        self.ends[side].as_ref()
    }

    /// Returns the latencies of the direction that starts at `from`. `None` if they were not measured.
    pub(crate) fn latency(&self, from: Side) -> Option<&Histogram> {
        self.latency[from].as_ref()
    }

    /// Returns the segments that left `from` and did not arrive. `None` if losses are not measured.
    pub(crate) fn lost(&self, from: Side) -> Option<u64> {
        self.lost[from]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_over_the_window() {
        let hook =
            |packets| HookTotals { packets, bytes: 100 * packets, segments: 2 * packets, wire_bytes: 0 };
        let rates = hook(30).rates_since(hook(10), Duration::from_secs(4));
        assert_eq!((rates.packets, rates.bytes, rates.segments, rates.wire_bytes), (5.0, 500.0, 10.0, 0.0));
        let restarted = hook(10).rates_since(hook(30), Duration::from_secs(4));
        assert_eq!(restarted.packets, 0.0, "counters that restarted have no negative rate");
    }
}
