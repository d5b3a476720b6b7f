//! The totals of the last few seconds: what the rates of a single request are computed from.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use netmon_model::snapshot::Snapshot;

use super::{Second, pace::INTERVAL};

/// How far back the rates of a single request look.
const WINDOW: Duration = Duration::from_secs(5);
/// With half an interval of grace, so that a late reading does not shorten the window by a whole interval.
const OLDEST: Duration = Duration::from_millis(5500);
/// A window that is shorter than this begins with the reading before, if there is one.
const SHORTEST: Duration = Duration::from_millis(900);
/// Maximum number of seconds in the ring: a window has one more than intervals, readings may be a little early, and the
/// one before the window is kept for when readings are rare.
const CAPACITY: usize = (WINDOW.as_secs() / INTERVAL.as_secs()) as usize + 3;

/// The last few seconds.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Oldest first.
    ring: VecDeque<Arc<Second>>,
}

impl Rates {
    /// Returns the newest second. `None` before the first reading.
    pub(crate) fn newest(&self) -> Option<&Arc<Second>> {
        self.ring.back()
    }

    /// Returns the oldest second within the window that ends at `now_ns`: the start of its rates. Where readings are rare,
    /// it is the one before the window. `None` before the first reading.
    pub(crate) fn base(&self, now_ns: u64) -> Option<&Arc<Second>> {
        let is_within = |second: &Arc<Second>| age(second, now_ns) <= OLDEST;
        let first = self.ring.iter().position(is_within).unwrap_or(self.ring.len());
        let is_long = self.ring.get(first).is_some_and(|second| age(second, now_ns) >= SHORTEST);
        let at = if is_long { first } else { first.saturating_sub(1) };
        self.ring.get(at)
    }

    /// Adds the totals of a reading, and returns them. Readings have to be added in their order.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) -> Arc<Second> {
        let previous = self.ring.back().cloned().unwrap_or_default();
        let second = Arc::new(Second::new(snapshot, &previous));
        let now_ns = snapshot.monotonic_ns;
        while self.ring.get(1).is_some_and(|second| age(second, now_ns) > OLDEST) {
            self.ring.pop_front();
        }
        if self.ring.len() == CAPACITY {
            self.ring.pop_front();
        }
        self.ring.push_back(Arc::clone(&second));
        second
    }
}

fn age(second: &Second, now_ns: u64) -> Duration {
    Duration::from_nanos(now_ns.saturating_sub(second.monotonic_ns()))
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    fn snapshot_at(ms: u64) -> Snapshot {
        Snapshot { monotonic_ns: ms * 1_000_000, ..fixtures::direct() }
    }

    fn base_ms(rates: &Rates, ms: u64) -> Option<u64> {
        rates.base(ms * 1_000_000).map(|base| base.monotonic_ns() / 1_000_000)
    }

    #[test]
    fn the_ring_is_bounded_by_time_and_by_number() {
        let mut rates = Rates::default();
        for second in 0..100 {
            rates.push(&snapshot_at(1000 * second));
        }
        assert_eq!(rates.ring.len(), 7);
        let bases = [99_300, 99_700, 104_500].map(|ms| base_ms(&rates, ms));
        assert_eq!(bases, [Some(94_000), Some(95_000), Some(99_000)]);
        for ms in 0..1000 {
            rates.push(&snapshot_at(100_000 + ms));
        }
        assert_eq!(rates.ring.len(), CAPACITY);
    }

    #[test]
    fn where_readings_are_rare_the_window_is_longer() {
        let mut rates = Rates::default();
        assert_eq!(base_ms(&rates, 1000), None);
        rates.push(&snapshot_at(0));
        assert_eq!(base_ms(&rates, 100), Some(0), "there is no other");
        assert_eq!(base_ms(&rates, 60_000), Some(0));
        rates.push(&snapshot_at(8000));
        assert_eq!(base_ms(&rates, 8100), Some(0), "a tenth of a second is too short");
        assert_eq!(base_ms(&rates, 9000), Some(8000));
        rates.push(&snapshot_at(16_000));
        assert_eq!(base_ms(&rates, 16_100), Some(8000));
    }
}
