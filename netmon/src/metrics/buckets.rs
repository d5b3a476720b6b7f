//! Converts the log-linear buckets of the kernel's maps to Prometheus buckets, one or two for each power of two,
//! in nanoseconds.
//!
//! Every bound is a bound of the kernel's buckets too, so every Prometheus bucket is the sum of whole kernel buckets: no
//! observation is split or estimated, and every `le` is a true upper bound. One detail differs: a kernel bucket excludes
//! its upper bound, while `le` includes it. Durations are truncated to whole nanoseconds. One that reads exactly 2^k ns
//! lasted 2^k ns or longer, and is counted above `le` = 2^k ns.

use netmon_ebpf::histogram::{BUCKETS, BUCKETS_PER_OCTAVE, bucket_bounds};
use netmon_model::histogram::Histogram;

/// How wide the buckets of a scrape are. An octave is a power of two.
///
/// `docs/adr/0026` has what either costs, and how far quantiles are off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buckets {
    /// Half an octave: bounds at 2^k and 1.5 * 2^k nanoseconds.
    #[default]
    Half,
    /// An octave: bounds at 2^k nanoseconds.
    Octave,
}

impl Buckets {
    /// Returns the number of kernel buckets in one Prometheus bucket.
    const fn width(self) -> usize {
        match self {
            Self::Half => BUCKETS_PER_OCTAVE / 2,
            Self::Octave => BUCKETS_PER_OCTAVE,
        }
    }

    /// Returns the finite bounds in seconds, from 2^8 ns = 256 ns to 2^34 ns = 17.2 s.
    #[expect(clippy::cast_precision_loss, reason = "bounds have three significant bits at most")]
    pub(super) fn bounds_seconds(self) -> impl Iterator<Item = f64> {
        (0..BUCKETS - 1).step_by(self.width()).map(|last| bucket_bounds(last).1 as f64 / 1e9)
    }

    /// Returns the number of observations up to each bound, and finally of all. The latter is also the `_count`, which
    /// therefore always equals the bucket `+Inf`.
    pub(super) fn cumulative(self, histogram: &Histogram) -> Vec<u64> {
        // Bucket 0 has everything below the first bound. One bucket remains after the last bound, for longer durations.
        let buckets = histogram.buckets();
        let (first, rest) = buckets.split_at(1);
        let groups = std::iter::once(first).chain(rest.chunks(self.width()));
        let mut total = 0;
        let add = |group: &[u64]| {
            total += group.iter().sum::<u64>();
            total
        };
        groups.map(add).collect()
    }
}
