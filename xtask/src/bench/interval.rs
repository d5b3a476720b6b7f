//! The median of a few values, and the interval that it lies in.
//!
//! The interval is that of the sign test: the values between two order statistics. It assumes nothing about how noise
//! is distributed, and noise here has long tails. `tests/bench/paired.rs` has the same for what one run compares.

use std::fmt;

/// The chance that the median lies outside, on either side.
const DOUBT: f64 = 0.025;

/// A median with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) median: f64,
    /// Infinite below six values: then there is no such interval.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Interval {
    /// `None` without values.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let median = median(&values)?;
        let last = values.len() - 1;
        let (low, high) = match left_out(values.len()) {
            Some(end) => (values[end], values[last - end]),
            None => (f64::NEG_INFINITY, f64::INFINITY),
        };
        Some(Self { median, low, high })
    }

    /// Whether there is one at all.
    pub(super) fn is_known(self) -> bool {
        self.low.is_finite()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, low, high } = self;
        f.pad(&if self.is_known() {
            format!("{median:.3} ({low:.3} to {high:.3})")
        } else {
            format!("{median:.3} (no interval)")
        })
    }
}

/// The middle of sorted values.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some(f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]))
}

/// How many of `count` values are left out at either end: as many as fall on one side of the median by chance with
/// less than [`DOUBT`]. `None` if not even all of them do.
fn left_out(count: usize) -> Option<usize> {
    let mut chance = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut together = chance;
    let mut sure = 0;
    while together <= DOUBT {
        sure += 1;
        chance *= (count + 1 - sure) as f64 / sure as f64;
        together += chance;
    }
    sure.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // From the table of the binomial distribution: 6 to 8 values leave none out, 9 to 11 one, 12 two.
        assert_eq!(
            (5..=12).map(left_out).collect::<Vec<_>>(),
            [None, Some(0), Some(0), Some(0), Some(1), Some(1), Some(1), Some(2)]
        );
        let nine = Interval::of((1..=9).rev().map(f64::from).collect()).expect("values");
        assert_eq!(nine, Interval { median: 5.0, low: 2.0, high: 8.0 });
    }

    #[test]
    fn few_values_have_a_median_and_no_interval() {
        let two = Interval::of(vec![1.0, 2.0]).expect("values");
        assert_eq!(two.to_string(), "1.500 (no interval)");
        assert!(!two.is_known());
        assert_eq!(Interval::of(Vec::new()), None);
    }
}
