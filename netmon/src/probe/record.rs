//! What came of a probe so far.

use std::time::{Duration, Instant};

use netmon_model::histogram::Histogram;

use super::Attempt;

/// Services start, and neighbours are asked for: what fails meanwhile says nothing yet.
pub(super) const WARM_UP: Duration = Duration::from_secs(5);

/// All attempts of one probe that count.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Until when a failure says nothing, unless an attempt succeeded.
    warm_until: Instant,
    /// How the last one ended; none before the first that counts.
    pub(super) last: Option<Attempt>,
    /// How long those took that succeeded.
    pub(super) durations: Histogram,
    /// How many failed.
    pub(super) failures: u64,
}

/// What somebody who reads a log wants to know of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It succeeds again.
    Up,
    /// It fails, and did not before.
    Down(String),
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self { warm_until: now + WARM_UP, last: None, durations: Histogram::default(), failures: 0 }
    }

    /// The lab was changed: what stays counts on, and may take a moment again.
    pub(super) fn warm_up_again(&mut self, now: Instant) {
        self.warm_until = now + WARM_UP;
    }

    /// Adds an attempt that ended at `now`.
    pub(super) fn add(&mut self, attempt: Attempt, now: Instant) -> Option<News> {
        let was_up = self.last.as_ref().map(Attempt::is_ok);
        let news = match &attempt {
            Ok(took) => {
                self.durations.record(*took);
                self.warm_until = now;
                (was_up == Some(false)).then_some(News::Up)
            }
            Err(_) if now < self.warm_until => return None,
            Err(why) => {
                self.failures += 1;
                (was_up != Some(false)).then(|| News::Down(why.clone()))
            }
        };
        self.last = Some(attempt);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Attempt {
        Err("no answer".to_owned())
    }

    #[test]
    fn failures_count_once_it_succeeded_or_had_its_time() {
        let begun = Instant::now();
        let mut record = Record::new(begun);
        assert_eq!(record.add(failed(), begun + WARM_UP / 2), None);
        assert_eq!((record.failures, record.last.clone()), (0, None));
        assert_eq!(record.add(failed(), begun + WARM_UP), Some(News::Down("no answer".to_owned())));
        assert_eq!(record.failures, 1);

        let mut record = Record::new(begun);
        assert_eq!(record.add(Ok(Duration::from_millis(3)), begun), None, "as it should be");
        assert_eq!(record.add(failed(), begun), Some(News::Down("no answer".to_owned())));
        assert_eq!(record.add(failed(), begun), None, "it is no news any more");
        assert_eq!((record.failures, record.durations.count, record.durations.sum_ns), (2, 1, 3_000_000));
        assert_eq!(record.add(Ok(Duration::from_millis(3)), begun), Some(News::Up));
    }

    #[test]
    fn a_change_of_the_lab_keeps_what_was_counted_and_is_given_time() {
        let begun = Instant::now();
        let mut record = Record::new(begun);
        record.add(Ok(Duration::from_millis(3)), begun);
        record.warm_up_again(begun);
        assert_eq!(record.add(failed(), begun), None);
        assert_eq!((record.failures, record.durations.count), (0, 1));
        assert!(record.last.is_some_and(|last| last.is_ok()), "the gauge stays as it was");
    }
}
