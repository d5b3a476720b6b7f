//! The last few seconds, so that one request is answered with rates.
//!
//! A sampler reads once a second and keeps of each reading the totals, the link latencies and how long round
//! trips took together, five seconds deep. Rates are the difference between now and the oldest of these.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use netmon_model::{
    by::{Ends, Hooks},
    histogram::{Histogram, Total},
    names::{Direction, LinkName, Side},
    snapshot::{EndpointSnapshot, HookCounters, LinkSnapshot, RoundTrips, Snapshot},
};

/// How far back rates look.
pub const WINDOW: Duration = Duration::from_secs(5);
/// Time between two samples.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// A rate over less than this says nothing.
const SHORTEST: Duration = Duration::from_millis(200);

/// What passed a hook, in total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookTotals {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    pub(crate) wire_bytes: u64,
}

impl HookTotals {
    pub(crate) fn of(hook: &HookCounters) -> Self {
        Self {
            packets: hook.packets(),
            bytes: hook.bytes(),
            segments: hook.segments,
            wire_bytes: hook.wire_bytes,
        }
    }
}

/// The round trips of one end of a link that are taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoundTripTotals {
    pub(crate) icmp_asked: Total,
    pub(crate) icmp_answered: Total,
    /// Asked and answered alike.
    pub(crate) tcp_handshake: Total,
}

impl RoundTripTotals {
    pub(crate) fn of(trips: &RoundTrips) -> Self {
        Self {
            icmp_asked: trips.icmp_asked,
            icmp_answered: trips.icmp_answered,
            tcp_handshake: trips.tcp_handshake.total(),
        }
    }

    /// What came since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            icmp_asked: self.icmp_asked.since(earlier.icmp_asked),
            icmp_answered: self.icmp_answered.since(earlier.icmp_answered),
            tcp_handshake: self.tcp_handshake.since(earlier.tcp_handshake),
        }
    }
}

/// What is kept of a link.
struct LinkTotals {
    /// `None` for an end that is not known.
    ends: Ends<Option<EndTotals>>,
    /// One-way latencies, by the end that packets left.
    latencies: Ends<Option<Histogram>>,
}

/// What is kept of one end of a link.
#[derive(Clone, Copy)]
struct EndTotals {
    hooks: Hooks<HookTotals>,
    round_trips: RoundTripTotals,
}

impl LinkTotals {
    fn of(link: &LinkSnapshot) -> Self {
        let end = |end: &EndpointSnapshot| EndTotals {
            hooks: Hooks::from_fn(|direction| HookTotals::of(&end.hooks[direction])),
            round_trips: RoundTripTotals::of(&end.round_trips),
        };
        Self {
            ends: Ends::from_fn(|side| link.end(side).map(end)),
            latencies: Ends::from_fn(|from| link.direction_from(from).latency.clone()),
        }
    }
}

/// One reading's totals.
pub(crate) struct Sample {
    monotonic_ns: u64,
    links: HashMap<LinkName, LinkTotals>,
}

impl Sample {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let links = snapshot.links.iter().map(|link| (link.name.clone(), LinkTotals::of(link))).collect();
        Self { monotonic_ns: snapshot.monotonic_ns, links }
    }

    /// Time from this sample to `now`; none when it is too short to make rates from.
    pub(crate) fn window_until(&self, now: &Snapshot) -> Option<Duration> {
        let window = Duration::from_nanos(now.monotonic_ns.saturating_sub(self.monotonic_ns));
        (window >= SHORTEST).then_some(window)
    }

    /// What had passed a hook.
    pub(crate) fn hook(&self, link: &LinkName, side: Side, direction: Direction) -> Option<HookTotals> {
        self.links.get(link)?.ends[side].map(|end| end.hooks[direction])
    }

    /// The latencies of the direction that starts at `from`.
    pub(crate) fn latency(&self, link: &LinkName, from: Side) -> Option<&Histogram> {
        self.links.get(link)?.latencies[from].as_ref()
    }

    /// The round trips that an end of a link had seen.
    pub(crate) fn round_trips(&self, link: &LinkName, side: Side) -> Option<RoundTripTotals> {
        self.links.get(link)?.ends[side].map(|end| end.round_trips)
    }
}

/// The samples of the last few seconds, oldest first.
#[derive(Default)]
pub(crate) struct History(Mutex<VecDeque<Arc<Sample>>>);

impl History {
    /// The oldest sample within the window that ends at `now`.
    pub(crate) fn base(&self, now: &Snapshot) -> Option<Arc<Sample>> {
        self.samples().iter().find(|sample| within_window(sample, now.monotonic_ns)).cloned()
    }

    pub(crate) fn push(&self, sample: Sample) {
        let mut samples = self.samples();
        let now_ns = sample.monotonic_ns;
        samples.retain(|old| within_window(old, now_ns));
        samples.push_back(Arc::new(sample));
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<Arc<Sample>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn within_window(sample: &Sample, now_ns: u64) -> bool {
    // Half an interval of grace, so that a sampler that is a little late leaves the window its length.
    let oldest_ns = now_ns.saturating_sub((WINDOW + INTERVAL / 2).as_nanos() as u64);
    sample.monotonic_ns >= oldest_ns
}
