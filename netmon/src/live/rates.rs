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
    histogram::{Histogram, Total},
    names::{Direction, LinkName, Side},
    snapshot::{HookCounters, LinkSnapshot, RoundTrips, Snapshot},
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
    /// By side and direction: [`slot`].
    hooks: [HookTotals; 4],
    a_to_b: Option<Histogram>,
    b_to_a: Option<Histogram>,
    a_round_trips: RoundTripTotals,
    b_round_trips: RoundTripTotals,
}

impl LinkTotals {
    fn of(link: &LinkSnapshot) -> Self {
        let mut hooks = [HookTotals::default(); 4];
        for side in [Side::A, Side::B] {
            for direction in Direction::BOTH {
                hooks[slot(side, direction)] = HookTotals::of(link.end(side).hook(direction));
            }
        }
        Self {
            hooks,
            a_to_b: link.a_to_b.latency.clone(),
            b_to_a: link.b_to_a.latency.clone(),
            a_round_trips: RoundTripTotals::of(&link.a.round_trips),
            b_round_trips: RoundTripTotals::of(&link.b.round_trips),
        }
    }
}

fn slot(side: Side, direction: Direction) -> usize {
    2 * usize::from(side == Side::B) + usize::from(direction == Direction::Egress)
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
        Some(self.links.get(link)?.hooks[slot(side, direction)])
    }

    /// The latencies of the direction that starts at `from`.
    pub(crate) fn latency(&self, link: &LinkName, from: Side) -> Option<&Histogram> {
        let totals = self.links.get(link)?;
        match from {
            Side::A => totals.a_to_b.as_ref(),
            Side::B => totals.b_to_a.as_ref(),
        }
    }

    /// The round trips that an end of a link had seen.
    pub(crate) fn round_trips(&self, link: &LinkName, side: Side) -> Option<RoundTripTotals> {
        let totals = self.links.get(link)?;
        Some(match side {
            Side::A => totals.a_round_trips,
            Side::B => totals.b_round_trips,
        })
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
