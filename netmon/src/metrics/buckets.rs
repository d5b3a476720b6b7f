//! Converts the log-linear buckets of the kernel's maps to Prometheus buckets, one for each power of two nanoseconds.
//!
//! Both layouts have bounds at powers of two, so every Prometheus bucket is the sum of whole kernel buckets: no
//! observation is split or estimated, and every `le` is a true upper bound. One detail differs: a kernel bucket excludes
//! its upper bound, while `le` includes it. Durations are truncated to whole nanoseconds. One that reads exactly 2^k ns
//! lasted 2^k ns or longer, and is counted above `le` = 2^k ns.

use netmon_ebpf::histogram::{BUCKETS_PER_OCTAVE, END_OCTAVE, FIRST_OCTAVE};
use netmon_model::histogram::Histogram;

/// The number of buckets with a finite bound: 2^8 ns = 256 ns up to 2^34 ns = 17.2 s.
pub(super) const BOUNDS: usize = (END_OCTAVE - FIRST_OCTAVE) as usize + 1;

/// Returns the finite bounds in seconds.
#[expect(clippy::cast_precision_loss, reason = "powers of two are exact")]
pub(super) fn bounds_seconds() -> impl Iterator<Item = f64> {
    (FIRST_OCTAVE..=END_OCTAVE).map(|octave| (1_u64 << octave) as f64 / 1e9)
}

/// Returns the number of observations up to each bound, and finally of all. The latter is also the `_count`, which
/// therefore always equals the bucket `+Inf`.
pub(super) fn cumulative(histogram: &Histogram) -> [u64; BOUNDS + 1] {
    // Bucket 0 has everything below the first bound. Then each octave adds its quarters. One bucket remains after the
    // last bound, for longer durations.
    let buckets = histogram.buckets();
    let mut counts = buckets.iter();
    let mut total = 0;
    let mut next = 1;
    std::array::from_fn(|_| {
        total += counts.by_ref().take(next).sum::<u64>();
        next = BUCKETS_PER_OCTAVE;
        total
    })
}
