//! Waiting for the thing itself, with a bound, instead of sleeping and hoping.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// The pause between two looks: short against what a test waits for, long against a look.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until there is something to see, and returns it.
///
/// # Panics
///
/// When there is nothing after `bound`; `what` says what was awaited.
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

/// Reads two figures until they are the same.
///
/// # Panics
///
/// When they still differ after `bound`, with the two as they were read last.
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

/// The pause between two looks, for a loop that cannot be an [`eventually`].
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
