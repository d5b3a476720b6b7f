//! The kernel's log-linear buckets as Prometheus buckets: one bound for each power of two nanoseconds.
//!
//! Both layouts cut at powers of two, so every Prometheus bucket is a whole number of the kernel's: no
//! observation is split or guessed, and every `le` is a true upper bound. One detail: the kernel's buckets
//! end before their bound, and `le` includes it. Durations are whole nanoseconds, cut off; one that reads as
//! exactly 2^k ns lasted 2^k ns or longer, and is counted above `le` = 2^k ns.

use netmon_ebpf::histogram::{BUCKETS_PER_OCTAVE, END_OCTAVE, FIRST_OCTAVE};
use netmon_model::histogram::Histogram;

/// How many buckets have a finite bound: 2^8 ns = 256 ns up to 2^34 ns = 17.2 s.
pub(super) const BOUNDS: usize = (END_OCTAVE - FIRST_OCTAVE) as usize + 1;

/// The bounds in seconds.
#[expect(clippy::cast_precision_loss, reason = "powers of two are exact")]
pub(super) fn bounds_seconds() -> impl Iterator<Item = f64> {
    (FIRST_OCTAVE..=END_OCTAVE).map(|octave| (1_u64 << octave) as f64 / 1e9)
}

/// Observations up to each bound, and at last all of them. That is also the `_count`, so that it always
/// equals the bucket `+Inf`.
pub(super) fn cumulative(histogram: &Histogram) -> [u64; BOUNDS + 1] {
    // Bucket 0 is all below the first bound; then every octave adds its quarters. After the last bound
    // there is one bucket left, for what is longer.
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
