//! Histograms as plain data: the bounds of the kernel's log-linear buckets, and arithmetic on them.
//!
//! The bucket layout is the ABI's (`netmon_ebpf::histogram`). This module adds bounds in nanoseconds, sums, differences
//! and quantiles. It knows neither maps nor metrics.

use std::{array, time::Duration};

use netmon_ebpf::histogram::{BUCKETS, bucket, bucket_bounds};
use serde::Serialize;

/// One histogram of durations, summed over CPUs.
///
/// Only the buckets from the first to the last in use are held. Most of a lab's histograms are empty and the others are
/// narrow, so a snapshot of a thousand links has a tenth of the size.
///
/// ```
/// use std::time::Duration;
///
/// use netmon_model::histogram::Histogram;
///
/// let mut before = Histogram::default();
/// before.record(Duration::from_micros(4));
/// let mut now = before.clone();
/// now.record(Duration::from_micros(8));
///
/// let recent = now.since(&before);
/// assert_eq!((recent.total().count, recent.mean_ns()), (1, Some(8_000.0)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// The first bucket in use. 0 without observations.
    first: usize,
    /// Observations by bucket, from the first to the last in use.
    counts: Vec<u64>,
    /// The exact sum of all observations in nanoseconds.
    pub sum_ns: u64,
    /// The exact number of observations.
    pub count: u64,
}

/// The number and the sum of durations, from which a mean is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The number of durations.
    pub count: u64,
    /// Their sum in nanoseconds.
    pub sum_ns: u64,
}

impl Total {
    /// Returns the durations since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            count: self.count.saturating_sub(earlier.count),
            sum_ns: self.sum_ns.saturating_sub(earlier.sum_ns),
        }
    }

    /// Returns the mean in nanoseconds, rounded. `None` without observations.
    #[must_use]
    pub fn mean_ns(self) -> Option<u64> {
        let half = self.count / 2;
        (self.sum_ns.saturating_add(half)).checked_div(self.count)
    }
}

impl Histogram {
    /// Creates a histogram of all buckets, with the sum and the number of their observations.
    #[must_use]
    pub fn new(buckets: &[u64; BUCKETS], sum_ns: u64, count: u64) -> Self {
        let used = |count: &u64| *count > 0;
        let first = buckets.iter().position(used).unwrap_or(0);
        let end = buckets.iter().rposition(used).map_or(first, |last| last + 1);
        Self { first, counts: buckets[first..end].to_vec(), sum_ns, count }
    }

    /// Returns the observations by bucket, for all [`BUCKETS`] of them.
    #[must_use]
    pub fn buckets(&self) -> [u64; BUCKETS] {
        let mut buckets = [0; BUCKETS];
        buckets[self.first..self.first + self.counts.len()].copy_from_slice(&self.counts);
        buckets
    }

    /// Returns the first bucket in use, and the observations by bucket from there to the last in use.
    #[must_use]
    pub fn used(&self) -> (usize, &[u64]) {
        (self.first, &self.counts)
    }

    /// Creates a histogram of the buckets from `first` on, with the sum and the number of their observations. Counts
    /// beyond the last bucket are left out.
    #[must_use]
    pub fn from_used(first: usize, counts: &[u64], sum_ns: u64, count: u64) -> Self {
        let mut buckets = [0; BUCKETS];
        for (bucket, count) in buckets.iter_mut().skip(first).zip(counts) {
            *bucket = *count;
        }
        Self::new(&buckets, sum_ns, count)
    }

    /// Adds one observation.
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let mut buckets = self.buckets();
        buckets[bucket(ns)] += 1;
        *self = Self::new(&buckets, self.sum_ns.saturating_add(ns), self.count + 1);
    }

    /// Adds another histogram's observations.
    pub fn add(&mut self, other: &Self) {
        let (mine, theirs) = (self.buckets(), other.buckets());
        let both = array::from_fn(|index| mine[index] + theirs[index]);
        *self = Self::new(&both, self.sum_ns + other.sum_ns, self.count + other.count);
    }

    /// Returns the observations since `earlier`, a reading of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let (now, then) = (self.buckets(), earlier.buckets());
        let new = array::from_fn(|index| now[index].saturating_sub(then[index]));
        Self::new(&new, self.sum_ns.saturating_sub(earlier.sum_ns), self.count.saturating_sub(earlier.count))
    }

    /// Returns count and sum without the buckets.
    #[must_use]
    pub fn total(&self) -> Total {
        Total { count: self.count, sum_ns: self.sum_ns }
    }

    /// Returns the mean in nanoseconds. `None` without observations.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean of nanoseconds needs no more than 53 bits")]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64)
    }

    /// Returns the `q` quantile (0 to 1) in nanoseconds, interpolated inside its bucket. `None` without observations.
    ///
    /// From 256 ns to 17.2 s it is within 12.5 % of the true observation, however the observations are distributed in the
    /// bucket. Below and above, it is only known to be within the bucket.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks and bounds are far below 2^53, and q is within 0 and 1"
    )]
    pub fn quantile_ns(&self, q: f64) -> Option<f64> {
        // The buckets may be a few observations ahead of `count`, which is read separately per CPU.
        let total: u64 = self.counts.iter().sum();
        match total {
            0 => return None,
            // The duration is known exactly.
            1 if self.count == 1 => return Some(self.sum_ns as f64),
            _ => {}
        }
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total);
        let mut below = 0;
        for (index, &count) in (self.first..).zip(&self.counts) {
            if below + count >= rank {
                let within = ((rank - below) as f64 - 0.5) / count as f64;
                return Some(interpolate(index, within));
            }
            below += count;
        }
        None
    }

    /// Returns the end of the last bucket in use, in nanoseconds: every observation was below it. `None` without
    /// observations, and if one is in the last bucket, which has no end.
    #[must_use]
    pub fn max_bound_ns(&self) -> Option<u64> {
        let last = self.first + self.counts.len().checked_sub(1)?;
        (last < BUCKETS - 1).then(|| bucket_bounds(last).1)
    }
}

/// Returns the value at `within` (0 to 1) of a bucket.
///
/// All observations may lie at one edge of the bucket, as those of a constant delay do. So the value keeps a distance
/// from the edges that guarantees [`MAX_ERROR`] relative to the opposite edge.
#[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
fn interpolate(index: usize, within: f64) -> f64 {
    let (low, high) = bucket_bounds(index);
    let (low, high) = (low as f64, high as f64);
    let value = low + within * (high - low);
    if index == 0 || index == BUCKETS - 1 {
        return value;
    }
    value.clamp(high * (1.0 - MAX_ERROR), low * (1.0 + MAX_ERROR))
}

/// The maximum error of a quantile, relative to the observation: half the width of the widest bucket.
const MAX_ERROR: f64 = 0.125;

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    use crate::fixtures::histogram_of;

    /// Returns the observation of this rank in a sorted list.
    fn exact(sorted: &[u64], q: f64) -> f64 {
        let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
        sorted[rank - 1] as f64
    }

    #[test]
    fn quantiles_of_a_hundred_thousand_latencies_are_within_an_eighth() {
        let mut numbers = Rng::with_seed(7);
        // From 300 ns to seconds, with a long tail: the same number in each octave.
        let latency = |_| {
            let octave = 8 + numbers.u64(..25);
            (1 << octave) + 50 + numbers.u64(..1 << octave)
        };
        let mut latencies: Vec<u64> = (0..100_000).map(latency).collect();
        let histogram = histogram_of(latencies.iter().copied());
        latencies.sort_unstable();
        for q in [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0] {
            let (estimate, exact) = (histogram.quantile_ns(q).unwrap(), exact(&latencies, q));
            let error = (estimate - exact).abs() / exact;
            assert!(error <= 0.125, "q {q}: {estimate} for {exact}, off by {error}");
        }
    }

    #[test]
    fn a_constant_latency_is_within_an_eighth_at_every_quantile_wherever_it_lies_in_its_bucket() {
        for base in [256_u64, 4096, 50_000_000, 1 << 33] {
            for step in 0..100 {
                let latency = base + step * base / 100;
                let histogram = histogram_of(vec![latency; 1000]);
                for q in [0.0, 0.5, 0.99, 1.0] {
                    let error = (histogram.quantile_ns(q).unwrap() / latency as f64 - 1.0).abs();
                    assert!(error <= 0.125 + 1e-9, "{latency} ns, q {q}: off by {error}");
                }
            }
        }
    }

    #[test]
    fn the_quantiles_of_a_single_observation_are_exact() {
        for q in [0.0, 0.5, 0.99, 1.0] {
            assert_eq!(histogram_of([206_388]).quantile_ns(q), Some(206_388.0));
        }
    }

    #[test]
    fn quantiles_do_not_fall_as_q_grows() {
        let mut numbers = Rng::with_seed(3);
        let mut duration = |_| {
            let octave = numbers.u64(..36);
            numbers.u64(..1 << octave)
        };
        let histogram = histogram_of((0..500).map(&mut duration).collect::<Vec<_>>());
        let quantiles: Vec<_> = (0..=100).map(|q| histogram.quantile_ns(f64::from(q) / 100.0)).collect();
        assert!(quantiles.is_sorted(), "{quantiles:?}");
    }

    #[test]
    fn every_observation_is_below_the_bound_and_one_without_end_has_none() {
        assert_eq!(Histogram::default().max_bound_ns(), None);
        assert_eq!(histogram_of([300, 1023]).max_bound_ns(), Some(1024));
        assert_eq!(histogram_of([300, 1024]).max_bound_ns(), Some(1280));
        assert_eq!(histogram_of([300, 1 << 34]).max_bound_ns(), None);
    }

    #[test]
    fn the_used_buckets_make_the_same_histogram_again() {
        for histogram in [Histogram::default(), histogram_of([300, 70_000, 1 << 35])] {
            let (first, counts) = histogram.used();
            assert_eq!(Histogram::from_used(first, counts, histogram.sum_ns, histogram.count), histogram);
        }
        assert_eq!(Histogram::from_used(BUCKETS, &[1], 0, 0), Histogram::default());
    }

    #[test]
    fn without_observations_there_is_neither_mean_nor_quantile() {
        assert_eq!(Histogram::default().mean_ns(), None);
        assert_eq!(Histogram::default().quantile_ns(0.5), None);
    }

    #[test]
    fn what_was_observed_since_and_before_adds_up_to_all() {
        let before = histogram_of([500, 600, 70_000]);
        let now = histogram_of([500, 600, 70_000, 80_000, 1 << 35]);
        let mut sum = now.since(&before);
        assert_eq!(sum, histogram_of([80_000, 1 << 35]));
        sum.add(&before);
        assert_eq!(sum, now);
    }
}
