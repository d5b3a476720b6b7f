//! The outcomes of one probe so far.

use std::time::{Duration, Instant};

use netmon_model::histogram::Histogram;

use super::Attempt;

/// Failures do not count for this long after the start: services are starting, and neighbours are being resolved.
pub(super) const WARM_UP: Duration = Duration::from_secs(5);

/// The counted attempts of one probe.
#[derive(Clone, Debug)]
pub(super) struct ProbeStats {
    /// The end of the warm-up: failures count from here on. The first success ends it early.
    warm_until: Instant,
    /// The last attempt. `None` until the first counted attempt has finished.
    pub(super) last: Option<Attempt>,
    /// Durations of the successful attempts.
    pub(super) durations: Histogram,
    /// Number of failed attempts.
    pub(super) failures: u64,
}

/// A change of a probe's outcome, which is logged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Transition {
    /// The probe succeeds again.
    Recovered,
    /// The probe fails with this error, and did not fail before.
    Failed(String),
}

impl ProbeStats {
    pub(super) fn new(now: Instant) -> Self {
        Self { warm_until: now + WARM_UP, last: None, durations: Histogram::default(), failures: 0 }
    }

    /// Starts another warm-up, after the lab was changed. The counts stay.
    pub(super) fn restart_warm_up(&mut self, now: Instant) {
        self.warm_until = now + WARM_UP;
    }

    /// Adds an attempt that ended at `now`. Returns the transition, if it is one.
    pub(super) fn add(&mut self, attempt: Attempt, now: Instant) -> Option<Transition> {
        let succeeded_before = self.last.as_ref().map(Attempt::is_ok);
        let transition = match &attempt {
            Ok(took) => {
                self.durations.record(*took);
                self.warm_until = now;
                (succeeded_before == Some(false)).then_some(Transition::Recovered)
            }
            Err(_) if now < self.warm_until => return None,
            Err(error) => {
                self.failures += 1;
                (succeeded_before != Some(false)).then(|| Transition::Failed(error.clone()))
            }
        };
        self.last = Some(attempt);
        transition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Attempt {
        Err("no answer".to_owned())
    }

    #[test]
    fn failures_count_after_the_warm_up_or_the_first_success() {
        let start = Instant::now();
        let mut stats = ProbeStats::new(start);
        assert_eq!(stats.add(failed(), start + WARM_UP / 2), None);
        assert_eq!((stats.failures, stats.last.clone()), (0, None));
        assert_eq!(stats.add(failed(), start + WARM_UP), Some(Transition::Failed("no answer".to_owned())));
        assert_eq!(stats.failures, 1);

        let mut stats = ProbeStats::new(start);
        assert_eq!(stats.add(Ok(Duration::from_millis(3)), start), None, "no change");
        assert_eq!(stats.add(failed(), start), Some(Transition::Failed("no answer".to_owned())));
        assert_eq!(stats.add(failed(), start), None, "no change");
        assert_eq!((stats.failures, stats.durations.count, stats.durations.sum_ns), (2, 1, 3_000_000));
        assert_eq!(stats.add(Ok(Duration::from_millis(3)), start), Some(Transition::Recovered));
    }

    #[test]
    fn a_changed_lab_keeps_the_counts_and_restarts_the_warm_up() {
        let start = Instant::now();
        let mut stats = ProbeStats::new(start);
        stats.add(Ok(Duration::from_millis(3)), start);
        stats.restart_warm_up(start);
        assert_eq!(stats.add(failed(), start), None);
        assert_eq!((stats.failures, stats.durations.count), (0, 1));
        assert!(stats.last.is_some_and(|last| last.is_ok()), "the last outcome stays");
    }
}
