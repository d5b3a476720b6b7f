//! Log-linear histograms of durations: four buckets for each power of two, from 256 ns to 16 s.
//!
//! Bucket 0 holds everything below 256 ns, the last bucket everything from 2^34 ns (17.2 s) on. Between them,
//! bucket `1 + 4 * (msb - 8) + next two bits` holds the durations whose highest bit is `msb`. A bucket is a
//! quarter of an octave wide, so its middle is at most 12.5 % off.

/// Number of buckets for each power of two.
pub const BUCKETS_PER_OCTAVE: usize = 4;
/// The highest bit of the shortest duration above bucket 0: 2^8 = 256 ns.
pub const FIRST_OCTAVE: u32 = 8;
/// The highest bit of the shortest duration in the last bucket: 2^34 ns = 17.2 s.
pub const END_OCTAVE: u32 = 34;
/// Number of buckets, including the one below and the one above the octaves.
pub const BUCKETS: usize = 2 + BUCKETS_PER_OCTAVE * (END_OCTAVE - FIRST_OCTAVE) as usize;

/// A histogram in a map, of one CPU.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Histogram {
    /// Sum of all observations, nanoseconds.
    pub sum_ns: u64,
    /// Observations by bucket. Their sum is the number of observations.
    pub buckets: [u64; BUCKETS],
}

impl Histogram {
    /// A histogram without observations.
    pub const EMPTY: Self = Self { sum_ns: 0, buckets: [0; BUCKETS] };
}

const _: () = assert!(size_of::<Histogram>() == 8 + 8 * BUCKETS);

/// Returns the bucket of a duration.
///
/// ```
/// use netmon_ebpf::histogram::{BUCKETS, bucket, bucket_bounds};
///
/// // 1,000 ns are in the last quarter of the octave from 512 ns.
/// assert_eq!(bucket(1_000), 8);
/// assert_eq!(bucket_bounds(8), (896, 1_024));
///
/// assert_eq!(bucket(0), 0);
/// assert_eq!(bucket(u64::MAX), BUCKETS - 1);
/// ```
#[inline(always)]
#[must_use]
pub const fn bucket(ns: u64) -> usize {
    if ns < 1 << FIRST_OCTAVE {
        return 0;
    }
    if ns >= 1 << END_OCTAVE {
        return BUCKETS - 1;
    }
    // eBPF has no instruction that finds the highest bit. Five comparisons do.
    let mut msb = 0;
    let mut rest = ns >> FIRST_OCTAVE;
    let mut width = 16;
    while width > 0 {
        if rest >> width != 0 {
            rest >>= width;
            msb += width;
        }
        width /= 2;
    }
    // Now `rest` is 1. The two bits below the highest one choose the quarter.
    let quarter = (ns >> (msb + FIRST_OCTAVE - 2)) & 3;
    1 + 4 * msb as usize + quarter as usize
}

/// Returns the bounds of a bucket in nanoseconds: the shortest duration that it holds, and the shortest that it no
/// longer holds. The last bucket is unbounded; its upper bound is given as twice the lower one.
#[must_use]
pub const fn bucket_bounds(index: usize) -> (u64, u64) {
    if index == 0 {
        return (0, 1 << FIRST_OCTAVE);
    }
    if index >= BUCKETS - 1 {
        return (1 << END_OCTAVE, 1 << (END_OCTAVE + 1));
    }
    let octave = FIRST_OCTAVE + ((index - 1) / BUCKETS_PER_OCTAVE) as u32;
    let quarter = ((index - 1) % BUCKETS_PER_OCTAVE) as u64;
    let width = 1 << (octave - 2);
    let low = (1 << octave) + quarter * width;
    (low, low + width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_within_the_bounds_of_its_bucket() {
        for exponent in 0..40 {
            for offset in [0_u64, 1, 3, 7] {
                for ns in [(1_u64 << exponent) + offset, (1_u64 << exponent).saturating_sub(offset)] {
                    let index = bucket(ns);
                    let (low, high) = bucket_bounds(index);
                    assert!(low <= ns, "{ns} in bucket {index} from {low}");
                    assert!(ns < high || index == BUCKETS - 1, "{ns} in bucket {index} to {high}");
                }
            }
        }
    }

    #[test]
    fn buckets_follow_one_another_without_a_gap() {
        for index in 1..BUCKETS {
            assert_eq!(bucket_bounds(index - 1).1, bucket_bounds(index).0);
        }
    }
}
