//! The totals of one reading: of each link, what rates and recent latencies are computed from.
//!
//! A snapshot of a thousand links is tens of MiB, and several are kept. So this has no names but those that a lookup
//! needs, and shares these with the second before: they change with the lab only. It also shares the totals of a link that
//! nothing has passed since.

use std::{collections::HashMap, sync::Arc, time::Duration};

use netmon_model::{
    by::{Ends, Hooks},
    histogram::{Histogram, Total},
    names::{Direction, EndpointId, IfIndex, LinkName, Side},
    snapshot::{EndpointSnapshot, HookCounters, LinkSnapshot, RoundTrips, Snapshot},
};

/// A rate over less than this would mostly be noise.
const MIN_WINDOW: Duration = Duration::from_millis(200);

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

impl EndpointTotals {
    /// Returns whether `now` is the same endpoint later. A slot and an ifindex may be those of another interface by now,
    /// but only its counters can be behind.
    fn precedes(&self, now: &EndpointSnapshot) -> bool {
        let is_behind = |hook| HookTotals::from(&now.hooks[hook]).packets < self.hooks[hook].packets;
        let restarted = Direction::BOTH.into_iter().any(is_behind);
        (self.id, self.ifindex) == (now.id, now.ifindex) && !restarted
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
    id: EndpointId,
    ifindex: IfIndex,
    pub(crate) hooks: Hooks<HookTotals>,
    pub(crate) round_trips: RoundTripTotals,
}

impl From<&EndpointSnapshot> for EndpointTotals {
    fn from(endpoint: &EndpointSnapshot) -> Self {
        Self {
            id: endpoint.id,
            ifindex: endpoint.ifindex,
            hooks: Hooks::from_fn(|direction| HookTotals::from(&endpoint.hooks[direction])),
            round_trips: RoundTripTotals::from(&endpoint.round_trips),
        }
    }
}

/// The totals of one link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkTotals {
    /// Each end; `None` if it was not known.
    ends: Ends<Option<EndpointTotals>>,
    /// One-way latencies by the end that packets left; `None` if they were not measured.
    latency: Ends<Option<Histogram>>,
}

impl From<&LinkSnapshot> for LinkTotals {
    fn from(link: &LinkSnapshot) -> Self {
        Self {
            ends: Ends::from_fn(|side| link.end(side).map(EndpointTotals::from)),
            latency: Ends::from_fn(|from| link.direction_from(from).latency.clone()),
        }
    }
}

impl LinkTotals {
    /// Returns whether these are totals of the same endpoints, as far as they were known: after a change of the lab,
    /// another pair of interfaces may have the link's name.
    fn is_of(&self, link: &LinkSnapshot) -> bool {
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
}

/// The totals of every link at one moment. The default is a moment before the first reading, without links.
#[derive(Debug, Default)]
pub struct Second {
    monotonic_ns: u64,
    /// The totals, in the order of the snapshot's links.
    links: Vec<Arc<LinkTotals>>,
    /// The position of each link in `links`.
    positions: Arc<HashMap<LinkName, usize>>,
}

impl Second {
    /// Takes the totals of a reading. `previous` only saves memory: what is equal is shared.
    pub(crate) fn new(snapshot: &Snapshot, previous: &Self) -> Self {
        let is_unchanged = previous.links.len() == snapshot.links.len()
            && snapshot
                .links
                .iter()
                .enumerate()
                .all(|(at, link)| previous.positions.get(&link.name) == Some(&at));
        let positions = if is_unchanged {
            Arc::clone(&previous.positions)
        } else {
            Arc::new(snapshot.links.iter().enumerate().map(|(at, link)| (link.name.clone(), at)).collect())
        };
        let links = snapshot.links.iter().enumerate().map(|(at, link)| {
            let (totals, before) = (LinkTotals::from(link), previous.links.get(at));
            before.filter(|before| ***before == totals).map_or_else(|| Arc::new(totals), Arc::clone)
        });
        Self { monotonic_ns: snapshot.monotonic_ns, links: links.collect(), positions }
    }

    /// Returns the monotonic time of the reading (`CLOCK_MONOTONIC`).
    pub(crate) fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns
    }

    /// Returns the time from this second to `now_ns`. Returns `None` if it is too short for rates.
    pub(crate) fn window_until(&self, now_ns: u64) -> Option<Duration> {
        let window = Duration::from_nanos(now_ns.saturating_sub(self.monotonic_ns));
        (window >= MIN_WINDOW).then_some(window)
    }

    /// Returns the totals that `link` had. Returns `None` if it did not exist, or had other endpoints.
    pub(crate) fn link(&self, link: &LinkSnapshot) -> Option<&LinkTotals> {
        let totals: &LinkTotals = self.links.get(*self.positions.get(&link.name)?)?;
        totals.is_of(link).then_some(totals)
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    fn second(snapshot: &Snapshot) -> Second {
        Second::new(snapshot, &Second::default())
    }

    #[test]
    fn seconds_share_the_names_of_the_links_until_they_change() {
        let mut snapshot = fixtures::star(20);
        let first = second(&snapshot);
        let next = Second::new(&snapshot, &first);
        assert!(Arc::ptr_eq(&first.positions, &next.positions));
        snapshot.links.swap_remove(3);
        let changed = Second::new(&snapshot, &next);
        assert!(!Arc::ptr_eq(&next.positions, &changed.positions));
        for link in &snapshot.links {
            let totals = changed.link(link).unwrap();
            assert_eq!(totals.end(Side::A).unwrap().id, link.a.id);
        }
    }

    #[test]
    fn seconds_share_the_totals_of_links_that_nothing_passed() {
        let mut snapshot = fixtures::star(20);
        let first = second(&snapshot);
        snapshot.links[3].a.hooks.egress.segments += 1;
        let next = Second::new(&snapshot, &first);
        let is_shared = |at: usize| Arc::ptr_eq(&first.links[at], &next.links[at]);
        assert_eq!((0..20).filter(|at| !is_shared(*at)).collect::<Vec<_>>(), [3]);
        assert_eq!(next.link(&snapshot.links[3]).unwrap(), &LinkTotals::from(&snapshot.links[3]));
    }

    #[test]
    fn rates_are_differences_over_the_window() {
        let hook =
            |packets| HookTotals { packets, bytes: 100 * packets, segments: 2 * packets, wire_bytes: 0 };
        let rates = hook(30).rates_since(hook(10), Duration::from_secs(4));
        assert_eq!((rates.packets, rates.bytes, rates.segments, rates.wire_bytes), (5.0, 500.0, 10.0, 0.0));
        let restarted = hook(10).rates_since(hook(30), Duration::from_secs(4));
        assert_eq!(restarted.packets, 0.0, "counters that restarted have no negative rate");
    }

    #[test]
    fn a_window_that_is_too_short_has_no_rates() {
        let snapshot = fixtures::direct();
        let (earlier, then) = (second(&snapshot), snapshot.monotonic_ns);
        assert_eq!(earlier.window_until(then + 199_999_999), None);
        assert_eq!(earlier.window_until(then + 200_000_000), Some(Duration::from_millis(200)));
    }

    #[test]
    fn a_link_with_other_endpoints_is_another_link() {
        let mut snapshot = fixtures::direct();
        let earlier = second(&snapshot);
        assert!(earlier.link(&snapshot.links[0]).is_some());
        snapshot.links[0].b.as_mut().unwrap().id = EndpointId(77);
        assert!(earlier.link(&snapshot.links[0]).is_none());
    }

    #[test]
    fn a_link_that_was_made_anew_in_the_same_slots_is_another_link() {
        let snapshot = fixtures::direct();
        let earlier = second(&snapshot);
        let mut recreated = snapshot.clone();
        recreated.links[0].a.ifindex = IfIndex(77);
        assert!(earlier.link(&recreated.links[0]).is_none());
        let mut recreated = snapshot.clone();
        recreated.links[0].a.hooks.egress.protocols = Default::default();
        assert!(earlier.link(&recreated.links[0]).is_none(), "in a new namespace under the same ifindex");
        assert!(earlier.link(&snapshot.links[0]).is_some());
    }

    #[test]
    fn an_end_that_appears_leaves_the_totals_of_the_other() {
        let snapshot = fixtures::direct();
        let mut before = snapshot.clone();
        before.links[0].b = None;
        let earlier = second(&before);
        let totals = earlier.link(&snapshot.links[0]).unwrap();
        assert!(totals.end(Side::A).is_some() && totals.end(Side::B).is_none());
    }
}
