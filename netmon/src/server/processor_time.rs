//! How long this thread has occupied a processor.
//!
//! On a busy machine a reading takes much longer than it costs. What is bounded is what it costs.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Runs `work`, and returns its result and the processor time that it took on this thread.
pub(super) fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = now();
    let result = work();
    (result, now().saturating_sub(before))
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_nothing_and_work_does() {
        #[expect(clippy::disallowed_methods, reason = "a wait that costs nothing")]
        let ((), waited) = of(|| std::thread::sleep(Duration::from_millis(50)));
        let (_, worked) = of(|| (0..2_000_000_u64).fold(0, |sum, number| sum ^ number.wrapping_mul(7)));
        assert!(waited < Duration::from_millis(20) && worked > Duration::ZERO, "{waited:?}, {worked:?}");
    }
}
