//! Differences between runs that lie next to each other in time: their median, and how sure it is.
//!
//! The interval is that of the sign test: it asks nothing of how the noise is distributed, and noise here has
//! long tails.

use std::fmt;

/// The chance that the median lies outside, on either side.
const DOUBT: f64 = 0.025;

/// The median of differences, and between which it lies with 95 % confidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paired {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Paired {
    /// Below six differences there is no such interval: the median may lie anywhere.
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

    /// What can be said of a bound. Noise that reaches from below the bound to above it decides nothing.
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

/// How many of `count` differences are left out at either end: as many as fall on one side of the median by
/// chance with less than [`DOUBT`]; none if not even all of them do.
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
