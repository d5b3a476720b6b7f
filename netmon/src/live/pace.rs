//! How often the maps are read: as often as a bounded share of a processor allows.
//!
//! A reading of a small lab takes about a millisecond, one of a thousand links tens of them. So the interval follows from the
//! processor time that readings took lately.

use std::time::Duration;

/// The shortest interval.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// With clients, readings take at most one part in this many of the time.
const WATCHED_SHARE: u32 = 20;
/// Without clients, readings take at most one part in this many of the time: half a per cent.
const ALONE_SHARE: u32 = 200;
/// The part of a new duration in the mean: one reading that was interrupted does not make the next ones rare.
const WEIGHT: u32 = 4;

/// What readings took lately.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// `None` before the first reading.
    mean: Option<Duration>,
}

impl Pace {
    /// Takes the processor time of a reading into account.
    pub(crate) fn record(&mut self, cost: Duration) {
        let mean = self.mean.unwrap_or(cost);
        self.mean = Some((mean * (WEIGHT - 1) + cost) / WEIGHT);
    }

    /// Returns the time from one reading to the next, in whole seconds.
    pub(crate) fn interval(self, has_clients: bool) -> Duration {
        let share = if has_clients { WATCHED_SHARE } else { ALONE_SHARE };
        let least = self.mean.unwrap_or_default() * share;
        // In whole seconds, so that what is reported does not change with every reading.
        let seconds = least.as_secs() + u64::from(least.subsec_nanos() > 0);
        Duration::from_secs(seconds).max(INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(ms: u64) -> Pace {
        let mut pace = Pace::default();
        pace.record(Duration::from_millis(ms));
        pace
    }

    #[test]
    fn readings_take_a_bounded_share_of_the_time() {
        let seconds = |ms, has_clients| pace(ms).interval(has_clients).as_secs();
        assert_eq!(
            [seconds(1, false), seconds(5, false), seconds(6, false), seconds(40, false)],
            [1, 1, 2, 8]
        );
        assert_eq!([seconds(1, true), seconds(40, true), seconds(200, true)], [1, 1, 4]);
        assert_eq!(Pace::default().interval(false), INTERVAL);
    }

    #[test]
    fn one_slow_reading_changes_little_and_many_change_the_interval() {
        let mut pace = pace(1);
        pace.record(Duration::from_millis(20));
        assert_eq!(pace.interval(false).as_secs(), 2);
        for _ in 0..3 {
            pace.record(Duration::from_millis(1));
        }
        assert_eq!(pace.interval(false).as_secs(), 1);
        for _ in 0..20 {
            pace.record(Duration::from_millis(50));
        }
        assert_eq!(pace.interval(false).as_secs(), 10);
    }
}
