//! How long to wait before a service that exited is restarted.

use std::time::Duration;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_millis(200);
/// The maximum wait.
const LONGEST: Duration = Duration::from_secs(30);
/// A service that ran this long was healthy: its next failure counts as the first.
const HEALTHY: Duration = Duration::from_secs(10);

/// The waits of one service, which double while it keeps failing.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Returns the wait after a run that lasted `ran`.
    pub(crate) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..10).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
    }

    #[test]
    fn a_run_of_ten_seconds_resets_the_wait() {
        let mut backoff = Backoff::new();
        backoff.after(Duration::ZERO);
        backoff.after(Duration::from_millis(9_999));
        assert_eq!(backoff.after(Duration::from_secs(10)), Duration::from_millis(200));
    }
}
