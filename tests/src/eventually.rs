//! Waiting for a condition itself, with a bound, instead of sleeping and hoping.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// The pause between two attempts: short compared to what a test waits for, long compared to an attempt.
const PAUSE: Duration = Duration::from_millis(5);

/// Calls `look` until it returns something, and returns that.
///
/// # Panics
///
/// If it returns nothing within `bound`; `what` names what the test waited for.
pub fn eventually<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < bound, "{what}: not within {bound:?}");
        pause();
    }
}

/// Reads two values until they are equal.
///
/// # Panics
///
/// If they still differ after `bound`; the message has the last two.
pub fn eventually_equal<T: PartialEq + Debug>(what: &str, bound: Duration, mut read: impl FnMut() -> (T, T)) {
    let start = Instant::now();
    loop {
        let (one, other) = read();
        if one == other {
            return;
        }
        assert!(start.elapsed() < bound, "{what}: {one:?} and {other:?} after {bound:?}");
        pause();
    }
}

/// The pause between two attempts, for a loop that cannot be written as [`eventually`].
#[expect(
    clippy::disallowed_methods,
    reason = "the one pause between two looks, so that no test needs its own"
)]
pub fn pause() {
    thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_at_the_third_look_is_returned() {
        let mut looks = 0;
        let seen = eventually("a third look", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(seen, 3);
    }

    #[test]
    #[should_panic(expected = "the impossible: not within")]
    fn what_never_happens_ends_the_test() {
        eventually("the impossible", Duration::from_millis(20), || None::<()>);
    }
}
