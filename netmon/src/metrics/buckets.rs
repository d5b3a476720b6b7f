//! The kernel's log-linear buckets as Prometheus buckets: one bound for each power of two nanoseconds.
//!
//! Both layouts cut at powers of two, so every Prometheus bucket is a whole number of the kernel's: no
//! observation is split or guessed, and every `le` is a true upper bound. One detail: the kernel's buckets
//! end before their bound, and `le` includes it. Durations are whole nanoseconds, cut off; one that reads as
//! exactly 2^k ns lasted 2^k ns or longer, and is counted above `le` = 2^k ns.

use netmon_ebpf::histogram::{BUCKETS_PER_OCTAVE, END_OCTAVE, FIRST_OCTAVE};
use prometheus::proto;

use crate::histogram::Histogram;

/// Nanoseconds in a second.
const NANOS_PER_SECOND: f64 = 1e9;

/// The bounds in seconds: 2^8 ns = 256 ns up to 2^34 ns = 17.2 s.
#[expect(clippy::cast_precision_loss, reason = "powers of two are exact")]
fn bounds_seconds() -> impl Iterator<Item = f64> {
    (FIRST_OCTAVE..=END_OCTAVE).map(|octave| (1_u64 << octave) as f64 / NANOS_PER_SECOND)
}

/// A histogram in Prometheus' form. `_count` is the total of the buckets, so that it always equals the
/// bucket `+Inf`; `_sum` is the kernel's own.
#[expect(clippy::cast_precision_loss, reason = "the exposition format has floats only")]
pub(super) fn to_proto(histogram: &Histogram) -> proto::Histogram {
    // Bucket 0 is all below the first bound; then every octave adds its quarters.
    let mut counts = histogram.buckets.iter();
    let mut cumulative = counts.by_ref().take(1).sum::<u64>();
    let mut buckets = Vec::with_capacity(1 + (END_OCTAVE - FIRST_OCTAVE) as usize);
    for upper_bound in bounds_seconds() {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(upper_bound);
        bucket.set_cumulative_count(cumulative);
        buckets.push(bucket);
        cumulative += counts.by_ref().take(BUCKETS_PER_OCTAVE).sum::<u64>();
    }

    let mut proto = proto::Histogram::default();
    proto.set_bucket(buckets);
    // After the last bound the loop has taken the one bucket beyond it, too.
    proto.set_sample_count(cumulative);
    proto.set_sample_sum(histogram.sum_ns as f64 / NANOS_PER_SECOND);
    proto
}
