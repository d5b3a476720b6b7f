//! Histograms as plain data: what the kernel's log-linear buckets mean, and the arithmetic on them.
//!
//! The bucket layout is the ABI's (`netmon_ebpf::histogram`); this module gives it bounds in
//! nanoseconds, sums, differences and quantiles. It knows neither maps nor metrics.

use netmon_ebpf::histogram::{BUCKETS, bucket_bounds};
use serde::Serialize;

/// One histogram of durations, summed over CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// Observations by bucket; always [`BUCKETS`] long.
    pub buckets: Vec<u64>,
    /// Sum of all observations, nanoseconds, exact.
    pub sum_ns: u64,
    /// Number of observations, exact.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], sum_ns: 0, count: 0 }
    }
}

impl Histogram {
    /// Adds another histogram's observations to these.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.sum_ns += other.sum_ns;
        self.count += other.count;
    }

    /// What was observed since `earlier`, a reading of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            buckets: self
                .buckets
                .iter()
                .zip(&earlier.buckets)
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
            count: self.count.saturating_sub(earlier.count),
        }
    }

    /// The mean in nanoseconds; none without observations.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean of nanoseconds needs no more than 53 bits")]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64)
    }

    /// The `q` quantile (0 to 1) in nanoseconds, interpolated inside its bucket; none without
    /// observations. Off by at most half a bucket's width: 12.5 % with four buckets an octave.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks and bounds are far below 2^53, and q is within 0 and 1"
    )]
    pub fn quantile_ns(&self, q: f64) -> Option<f64> {
        // The buckets may be a few observations ahead of `count`, which is read separately per CPU.
        let total: u64 = self.buckets.iter().sum();
        if total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total);
        let mut below = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            if below + count >= rank {
                let (low, high) = bucket_bounds(index);
                let within = ((rank - below) as f64 - 0.5) / count as f64;
                return Some(low as f64 + within * (high - low) as f64);
            }
            below += count;
        }
        None
    }
}
