//! What is compared of a figure, and its estimate in one run.
//!
//! The kernel's buckets are a quarter of an octave wide: a service that is 10 % slower may stay in its bucket. Its sum and
//! its count are exact, so means show any change. The quantiles are those of buckets. Their estimates carry the width of
//! the bucket as slack, so a change is claimed only if no place inside the buckets could hide it.

use netmon_ebpf::histogram::{BUCKETS, BUCKETS_PER_OCTAVE, bucket_bounds};
use netmon_model::histogram::Histogram;
use serde::Serialize;

use super::estimate::{Estimate, MIN_BATCHES};
use crate::{
    batches::Batch,
    series::{Amount, Kind, Latencies, Share},
};

/// Observations that are this many octaves above the median are no typical ones: the process waited for something.
const STALL_OCTAVES: usize = 2;
/// A share of fewer things says nothing.
const MIN_WHOLE: u64 = 20;

/// What is compared of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The mean of durations, from their exact sum.
    Mean,
    /// The mean of durations in the calm batches, without those that are far above the median. A host that stalls, or is busy
    /// with something else for some of the time, hardly changes it.
    Typical,
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 99th percentile.
    P99,
    /// A share of a whole.
    Share,
    /// Bytes a second.
    Rate,
}

/// The scale of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Natural logarithms: a difference is a relative change.
    Logarithmic,
    /// The values themselves.
    Linear,
}

impl Statistic {
    /// Returns the statistics of a kind of figure.
    #[must_use]
    pub const fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Latency => &[Self::Mean, Self::Typical, Self::P50, Self::P90, Self::P99],
            Kind::Share => &[Self::Share],
            Kind::Bytes => &[Self::Rate],
        }
    }

    /// Returns its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Typical => "typical",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::Share => "share",
            Self::Rate => "rate",
        }
    }

    /// Returns the quantile that this is. `None` if it is none.
    #[must_use]
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P99 => Some(0.99),
            _ => None,
        }
    }

    /// Returns the scale of its estimates.
    #[must_use]
    pub const fn scale(self) -> Scale {
        match self {
            Self::Share => Scale::Linear,
            _ => Scale::Logarithmic,
        }
    }

    /// Returns the observations that a batch needs.
    const fn min_count(self) -> u64 {
        match self {
            Self::P50 => 10,
            Self::P90 => 50,
            Self::P99 => 300,
            _ => 1,
        }
    }

    /// Returns the estimate of a run. `stall` is the first bucket that is not typical. Returns `None` if there are too few
    /// batches with enough observations.
    #[must_use]
    pub fn estimate(self, batches: &[Batch], stall: usize) -> Option<Estimate> {
        match self {
            Self::Share => share(batches),
            Self::Rate => rate(batches),
            _ => self.latency(batches, stall),
        }
    }

    /// Returns the estimate of durations. If most batches have too few for this statistic, neighbours are merged.
    fn latency(self, batches: &[Batch], stall: usize) -> Option<Estimate> {
        let mut points = Vec::new();
        let all: u64 = histograms(batches).map(|histogram| histogram.count).sum();
        let needed = usize::try_from((self.min_count() * batches.len() as u64).div_ceil(all.max(1))).ok()?;
        for by in needed.max(1)..=batches.len() / MIN_BATCHES {
            let merged = Batch::merged(batches, by);
            points = self.points(&merged, stall);
            if 5 * points.len() >= 4 * merged.len() {
                break;
            }
        }
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        let is_of_calm = matches!(self, Self::Typical);
        let estimate =
            if is_of_calm { Estimate::of_calm_batches(&values) } else { Estimate::of_batches(&values) }?;
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 64 batches")]
        let mean = |slack: fn(&Point) -> f64| points.iter().map(slack).sum::<f64>() / points.len() as f64;
        let slack = [mean(|point| point.value - point.low), mean(|point| point.high - point.value)];
        Some(Estimate { slack, ..estimate })
    }

    /// Returns the statistic of each batch with enough observations.
    fn points(self, batches: &[Batch], stall: usize) -> Vec<Point> {
        let enough = histograms(batches).filter(|histogram| histogram.count >= self.min_count());
        enough.filter_map(|histogram| self.point(histogram, stall)).collect()
    }

    /// Returns the logarithm of the statistic in a batch.
    fn point(self, histogram: &Histogram, stall: usize) -> Option<Point> {
        if let Some(q) = self.quantile() {
            return quantile(histogram, q);
        }
        let mean =
            if matches!(self, Self::Typical) { typical(histogram, stall) } else { histogram.mean_ns() }?;
        (mean > 0.0).then(|| Point { low: mean.ln(), value: mean.ln(), high: mean.ln() })
    }
}

/// The statistic of a batch, on its scale, and the bounds of what it may be.
struct Point {
    low: f64,
    value: f64,
    high: f64,
}

/// Iterates over the durations of batches.
pub(crate) fn histograms(batches: &[Batch]) -> impl Iterator<Item = &Histogram> {
    batches.iter().filter_map(|batch| match &batch.amount {
        Amount::Latency(Latencies(histogram)) => Some(histogram),
        _ => None,
    })
}

/// Returns the first bucket that is not typical of some durations: two octaves above their median.
#[must_use]
pub fn stall_bucket(durations: &Histogram) -> usize {
    let median = bucket_of(durations, 0.5).unwrap_or(BUCKETS);
    (median + STALL_OCTAVES * BUCKETS_PER_OCTAVE).min(BUCKETS)
}

/// Returns the mean of the durations below a bucket. The sum is exact, and those above are a few, taken from it with the
/// middle of their bucket. Returns `None` without durations, and for durations without buckets.
#[expect(clippy::cast_precision_loss, reason = "counts and sums of a batch are far below 2^53")]
fn typical(histogram: &Histogram, stall: usize) -> Option<f64> {
    let (first, counts) = histogram.used();
    let above = (first..).zip(counts).filter(|(bucket, _)| *bucket >= stall);
    let (mut sum, mut count) = (histogram.sum_ns as f64, histogram.count as f64);
    for (bucket, above) in above {
        let (low, high) = bucket_bounds(bucket);
        sum -= *above as f64 * low.midpoint(high) as f64;
        count -= *above as f64;
    }
    (!counts.is_empty() && count >= 1.0 && sum > 0.0).then(|| sum / count)
}

/// Returns the bucket of a quantile. Returns `None` without buckets.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks are far below 2^53, and q is within 0 and 1"
)]
fn bucket_of(histogram: &Histogram, q: f64) -> Option<usize> {
    let (first, counts) = histogram.used();
    let total: u64 = counts.iter().sum();
    let rank = ((q * total as f64).ceil() as u64).max(1);
    let mut below = 0;
    (first..).zip(counts).find_map(|(bucket, count)| {
        below += count;
        (below >= rank).then_some(bucket)
    })
}

#[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
fn quantile(histogram: &Histogram, q: f64) -> Option<Point> {
    let (low, high) = bucket_bounds(bucket_of(histogram, q)?);
    let (low, high) = ((low.max(1) as f64).ln(), (high as f64).ln());
    let value = histogram.quantile_ns(q)?.max(1.0).ln();
    Some(Point { low, value: value.clamp(low, high), high })
}

/// Returns the share of the whole of all batches. Batches count as much as their whole.
#[expect(clippy::cast_precision_loss, reason = "what passes in a run is far below 2^53")]
fn share(batches: &[Batch]) -> Option<Estimate> {
    let shares: Vec<Share> = batches.iter().filter_map(|batch| of_share(&batch.amount)).collect();
    let whole: u64 = shares.iter().map(|share| share.whole).sum();
    let part: u64 = shares.iter().map(|share| share.part).sum();
    if whole < MIN_WHOLE {
        return None;
    }
    let (part, whole) = (part as f64, whole as f64);
    let (share, each) = (part / whole, whole / shares.len() as f64);
    // The linearized ratio (Cochran, Sampling Techniques, 6.3): its mean is the share, its spread that of the ratio.
    let values = shares.iter().map(|of| share + (of.part as f64 - share * of.whole as f64) / each);
    let estimate = Estimate::of_batches(&values.collect::<Vec<_>>())?;
    // Batches that are equal by chance do not make the share certain: it is at least as uncertain as a coin's.
    let shrunk = (part + 0.5) / (whole + 1.0);
    let least = (shrunk * (1.0 - shrunk)).max(0.0) / whole;
    Some(Estimate { variance: estimate.variance.max(least), ..estimate })
}

/// Returns the part and the whole, if there is a whole. Losses are found a moment later than packets leave.
fn of_share(amount: &Amount) -> Option<Share> {
    match amount {
        Amount::Share(share) if share.whole > 0 || share.part > 0 => Some(*share),
        _ => None,
    }
}

/// Returns the logarithm of the mean rate. A batch without bytes counts, too.
#[expect(clippy::cast_precision_loss, reason = "bytes of a batch are far below 2^53")]
fn rate(batches: &[Batch]) -> Option<Estimate> {
    let rate = |batch: &Batch| match batch.amount {
        Amount::Bytes(bytes) => Some(bytes as f64 / batch.seconds),
        _ => None,
    };
    let rates: Vec<f64> = batches.iter().filter_map(rate).collect();
    let estimate = Estimate::of_batches(&rates)?;
    let relative = estimate.variance / estimate.value.powi(2);
    (estimate.value > 0.0).then(|| Estimate { value: estimate.value.ln(), variance: relative, ..estimate })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn durations(ns: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        ns.into_iter().for_each(|ns| histogram.record(Duration::from_nanos(ns)));
        histogram
    }

    /// Batches of a second, each with these durations.
    fn batches(each: &[u64], number: usize) -> Vec<Batch> {
        let amount = Amount::Latency(Latencies(durations(each.iter().copied())));
        vec![Batch { seconds: 1.0, amount }; number]
    }

    fn of_shares(parts: &[u64], whole: u64) -> Vec<Batch> {
        let amount = |part: &u64| Amount::Share(Share { part: *part, whole });
        parts.iter().map(|part| Batch { seconds: 1.0, amount: amount(part) }).collect()
    }

    #[test]
    fn a_mean_shows_a_change_inside_a_bucket_and_a_quantile_admits_its_slack() {
        // 9 ms and 9.9 ms are in one bucket, from 8.39 to 10.49 ms.
        let (old, new) = (batches(&[9_000_000; 400], 10), batches(&[9_900_000; 400], 10));
        for statistic in [Statistic::Mean, Statistic::Typical] {
            let [old, new] = [&old, &new].map(|batches| statistic.estimate(batches, BUCKETS).unwrap());
            assert!((new.value - old.value - 1.1_f64.ln()).abs() < 1e-12, "{statistic:?}");
            assert_eq!(old.slack, [0.0; 2]);
        }
        for statistic in [Statistic::P50, Statistic::P90, Statistic::P99] {
            let [old, new] = [&old, &new].map(|batches| statistic.estimate(batches, BUCKETS).unwrap());
            for (estimate, truth) in [(old, 9e6_f64.ln()), (new, 9.9e6_f64.ln())] {
                let bounds = estimate.value - estimate.slack[0]..=estimate.value + estimate.slack[1];
                assert!(bounds.contains(&truth), "{statistic:?}: {truth} is not in {bounds:?}");
            }
        }
    }

    #[test]
    fn stalls_change_the_mean_and_not_what_is_typical() {
        let calm = durations([1_000_000; 100]);
        let stalled = durations([vec![1_000_000; 99], vec![50_000_000]].concat());
        let stall = stall_bucket(&calm);
        assert!((typical(&calm, stall).unwrap() - 1e6).abs() < 1e-3);
        let error = typical(&stalled, stall).unwrap() / 1e6 - 1.0;
        assert!(error.abs() < 0.07, "off by {error}");
        assert!(stalled.mean_ns().unwrap() > 1.4e6);
    }

    #[test]
    fn durations_without_buckets_have_a_mean_only() {
        let amount = Amount::Latency(Latencies(Histogram::from_used(0, &[], 500_000, 100)));
        let batches = vec![Batch { seconds: 1.0, amount }; 10];
        let found = Statistic::of(Kind::Latency).iter().filter(|of| of.estimate(&batches, BUCKETS).is_some());
        assert_eq!(found.collect::<Vec<_>>(), [&Statistic::Mean]);
    }

    #[test]
    fn a_percentile_needs_enough_observations_in_each_batch() {
        for (count, expected) in [(9, 2), (10, 3), (50, 4), (300, 5)] {
            let batches = batches(&vec![5000; count], 10);
            let found =
                Statistic::of(Kind::Latency).iter().filter(|of| of.estimate(&batches, BUCKETS).is_some());
            assert_eq!(found.count(), expected, "{count} observations");
        }
    }

    #[test]
    fn neighbours_are_merged_until_there_are_enough_observations() {
        let batches = batches(&[5000; 100], 60);
        let samples = |of: Statistic| of.estimate(&batches, BUCKETS).unwrap().samples;
        assert_eq!(
            [Statistic::Mean, Statistic::P50, Statistic::P90, Statistic::P99].map(samples),
            [60, 60, 60, 20]
        );
    }

    #[test]
    fn a_share_is_that_of_the_whole_and_never_certain() {
        let estimate =
            Statistic::Share.estimate(&of_shares(&[1, 0, 3, 0, 1, 1, 1, 1, 1, 1], 100), 0).unwrap();
        assert!((estimate.value - 0.01).abs() < 1e-12);
        let none = Statistic::Share.estimate(&of_shares(&[0; 10], 100), 0).unwrap();
        assert_eq!(none.value, 0.0);
        assert!(none.variance > 0.0);
        assert_eq!(Statistic::Share.estimate(&of_shares(&[0; 10], 1), 0), None, "10 are too few");
    }

    #[test]
    fn a_rate_counts_silent_batches() {
        let batch = |bytes| Batch { seconds: 2.0, amount: Amount::Bytes(bytes) };
        let estimate =
            Statistic::Rate.estimate(&[300, 0, 300, 0, 300, 0, 300, 0, 300, 0].map(batch), 0).unwrap();
        assert!((estimate.value.exp() - 75.0).abs() < 1e-9);
        assert_eq!(Statistic::Rate.estimate(&[0; 10].map(batch), 0), None);
    }
}
