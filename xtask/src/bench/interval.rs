//! The median of a few values with its confidence interval.
//!
//! The interval is that of the sign test: it extends from one order statistic to another. It assumes nothing about the
//! distribution of the noise, which has long tails here. `tests/bench/paired.rs` computes the same within one run.

use std::fmt;

/// The probability that the median lies outside the interval, on each side.
const DOUBT: f64 = 0.025;

/// A median with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) median: f64,
    /// Infinite for fewer than six values, which have no such interval.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Interval {
    /// Returns `None` if there are no values.
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

    /// Returns whether there are enough values for an interval.
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

/// Returns the median of sorted values, or `None` if there are none.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some(f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]))
}

/// Returns how many of `count` sorted values lie outside the interval at each end, or `None` if there is no interval:
/// even that all values lie on the same side of the median has a probability above [`DOUBT`].
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
        // From the binomial distribution: none of 6 to 8 values lies outside, one of 9 to 11, two of 12.
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
