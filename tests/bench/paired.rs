//! Differences between runs that follow each other: their median with its confidence interval.
//!
//! The interval is that of the sign test: it assumes nothing about the distribution of the noise, which has long tails
//! here.

use std::fmt;

/// The probability that the median lies outside the interval, on each side.
const DOUBT: f64 = 0.025;

/// The median of differences, with its 95 % interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paired {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Paired {
    /// Computes the median and its interval, which is infinite for fewer than six differences.
    pub(crate) fn of(mut differences: Vec<f64>) -> Self {
        differences.sort_unstable_by(f64::total_cmp);
        let count = differences.len();
        let Some(last) = count.checked_sub(1) else {
            return Self { median: f64::NAN, low: f64::NEG_INFINITY, high: f64::INFINITY };
        };
        let median = f64::midpoint(differences[last / 2], differences[count / 2]);
        match left_out(count) {
            Some(end) => Self { median, low: differences[end], high: differences[last - end] },
            None => Self { median, low: f64::NEG_INFINITY, high: f64::INFINITY },
        }
    }

    /// Returns whether a bound is held, in words. It is undecided if the interval contains the bound.
    pub(crate) fn verdict(self, bound: f64) -> &'static str {
        if self.high <= bound {
            "held"
        } else if self.low > bound {
            "NOT held"
        } else if self.median <= bound {
            "held by the median, the noise is larger"
        } else {
            "not held by the median, the noise is larger"
        }
    }
}

impl fmt::Display for Paired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:+.1} ({:+.1} to {:+.1})", self.median, self.low, self.high))
    }
}

/// Returns how many of `count` differences lie outside the interval at each end. Returns `None` if there is no
/// interval: even that all of them lie on the same side of the median has a probability above [`DOUBT`].
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
