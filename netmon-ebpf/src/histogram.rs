//! Log-linear histograms of durations: four buckets for each power of two, from 256 ns to 16 s.
//!
//! Bucket 0 holds everything below 256 ns, the last one everything from 2^34 ns (17.2 s) on. Between
//! them, bucket `1 + 4 * (msb - 8) + next two bits` holds the durations whose highest bit is `msb`:
//! a bucket's width is a quarter of its octave, so its middle is at most 12.5 % off.

/// Buckets for each power of two.
pub const BUCKETS_PER_OCTAVE: usize = 4;
/// The highest bit of the shortest duration that has a bucket of its own: 2^8 = 256 ns.
pub const FIRST_OCTAVE: u32 = 8;
/// One past the last octave: 2^34 ns = 17.2 s and longer go to the last bucket.
pub const END_OCTAVE: u32 = 34;
/// Number of buckets, with the one below and the one above.
pub const BUCKETS: usize = 2 + BUCKETS_PER_OCTAVE * (END_OCTAVE - FIRST_OCTAVE) as usize;

/// One histogram as it lies in a map, one a CPU.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Histogram {
    /// Sum of all observations, nanoseconds.
    pub sum_ns: u64,
    /// Observations by bucket. Their total is the count: it needs no field of its own.
    pub buckets: [u64; BUCKETS],
}

impl Histogram {
    /// Nothing was observed.
    pub const EMPTY: Self = Self { sum_ns: 0, buckets: [0; BUCKETS] };
}

const _: () = assert!(size_of::<Histogram>() == 8 + 8 * BUCKETS);

/// The bucket of a duration.
#[inline(always)]
#[must_use]
pub const fn bucket(ns: u64) -> usize {
    if ns < 1 << FIRST_OCTAVE {
        return 0;
    }
    if ns >= 1 << END_OCTAVE {
        return BUCKETS - 1;
    }
    // eBPF has no instruction for this; five comparisons find the highest bit.
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
    // `rest` is 1 now; the two bits below the highest one choose the quarter.
    let quarter = (ns >> (msb + FIRST_OCTAVE - 2)) & 3;
    1 + 4 * msb as usize + quarter as usize
}

/// The durations that a bucket holds, in nanoseconds: from the first, up to but not including the second.
/// The last bucket has no end of its own; twice its beginning is given.
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
