//! Departure stamps: when a packet left, and whose stamp that is.
//!
//! A packet's delivery time is not netmon's alone: TCP paces with it, a sender may set it (`SO_TXTIME`), and XDP may carry
//! it over to another link. So a stamp has a number in its lowest bits, which belongs to the endpoint that it was
//! given at. The arriving end accepts only the number of its peer, and only times at which its peer can have stamped.

use crate::indexed::indexed;

/// Number of low bits of a stamp that hold the number. The time is exact to 2^6 = 64 ns.
pub const NUMBER_BITS: u32 = 6;
/// The bits of the number.
pub const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;
/// The middle of the times that a stamp may stand for, so that the mean of many latencies is not biased.
const MIDDLE_NS: u64 = 1 << (NUMBER_BITS - 1);
/// The longest time for which a packet can have been under way: 2^36 ns = 69 s.
pub const LONGEST_WAY_NS: u64 = 1 << 36;

indexed! {
    /// Why a delivery time was not read as a stamp of the peer. The discriminant is the index into
    /// [`crate::endpoint::RoundTrips::refused_stamps`].
    pub enum RefusedStamp;
    /// Number of reasons.
    pub const REFUSED_STAMPS;
    /// It does not have the number of the peer.
    Foreign = "foreign",
    /// It lies before the peer could stamp.
    BeforeAttach = "before_attach",
    /// It lies in the future.
    Future = "future",
    /// It lies further back than a packet can have been under way.
    TooOld = "too_old",
}

/// How many numbers there are.
pub const NUMBERS: u32 = 48;

/// Returns the number of the stamps that an endpoint gives. Endpoints take the lowest free slots, so as long as there are
/// at most [`NUMBERS`], no two have the same. Multiples of four are no numbers: times that are rounded to
/// 100 ns, microseconds or seconds end with them.
#[inline(always)]
#[must_use]
pub const fn number_of(endpoint: u32) -> u32 {
    let index = endpoint % NUMBERS;
    1 + index / 3 * 4 + index % 3
}

/// Returns the stamp for a packet that leaves now.
///
/// ```
/// use netmon_ebpf::stamp::{Expected, RefusedStamp, number_of, stamp};
///
/// let (endpoint, attached_ns, left_ns) = (7, 1_000_000, 5_000_000);
/// let stamp = stamp(left_ns, number_of(endpoint));
///
/// let expected = Expected::new(number_of(endpoint), attached_ns);
/// let departed_ns = expected.departed_ns(stamp, 5_001_000).unwrap();
/// assert!(departed_ns.abs_diff(left_ns) <= 32);
///
/// // Another link's stamp, or any other time, is refused.
/// let other = Expected::new(number_of(8), attached_ns);
/// assert_eq!(other.departed_ns(stamp, 5_001_000), Err(RefusedStamp::Foreign));
/// ```
#[inline(always)]
#[must_use]
pub const fn stamp(now_ns: u64, number: u32) -> u64 {
    (now_ns & !NUMBER_MASK) | number as u64
}

/// What an arriving end accepts: the number of its peer, and the time from which its peer can have stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected(u64);

impl Expected {
    /// Returns what is expected of a peer whose stamps have this number, at an end that was attached at this time.
    #[inline(always)]
    #[must_use]
    pub const fn new(number: u32, attached_ns: u64) -> Self {
        Self(stamp(attached_ns, number))
    }

    /// Returns the two halves, low half first, by which a dispatcher passes it on.
    #[inline(always)]
    #[must_use]
    pub const fn halves(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }

    /// Returns what two halves stand for.
    #[inline(always)]
    #[must_use]
    pub const fn from_halves([low, high]: [u32; 2]) -> Self {
        Self(low as u64 | (high as u64) << 32)
    }

    /// Returns when a packet left, by its stamp, exact to half of 64 ns.
    ///
    /// # Errors
    ///
    /// The reason if the stamp cannot be the peer's.
    #[inline(always)]
    pub const fn departed_ns(self, stamp: u64, now_ns: u64) -> Result<u64, RefusedStamp> {
        // Both have the number in the same bits.
        if (stamp ^ self.0) & NUMBER_MASK != 0 {
            return Err(RefusedStamp::Foreign);
        }
        if stamp < self.0 {
            return Err(RefusedStamp::BeforeAttach);
        }
        let left_ns = stamp & !NUMBER_MASK;
        if left_ns > now_ns {
            return Err(RefusedStamp::Future);
        }
        if now_ns - left_ns > LONGEST_WAY_NS {
            return Err(RefusedStamp::TooOld);
        }
        Ok(left_ns + MIDDLE_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTACHED_NS: u64 = 10_000_000_000;
    const NOW_NS: u64 = 50_000_000_000;

    fn expected() -> Expected {
        Expected::new(number_of(4), ATTACHED_NS)
    }

    #[test]
    fn a_stamp_is_read_back_without_bias() {
        let error: i64 = (0..64)
            .map(|offset| {
                let left_ns = NOW_NS - 1_000 + offset;
                let departed_ns = expected().departed_ns(stamp(left_ns, number_of(4)), NOW_NS).unwrap();
                departed_ns.cast_signed() - left_ns.cast_signed()
            })
            .sum();
        assert_eq!(error, 32, "the mean of 64 is half a nanosecond off");
    }

    #[test]
    fn a_time_before_the_attach_in_the_future_or_long_ago_is_never_a_stamp() {
        let refused = |time_ns: u64| expected().departed_ns(stamp(time_ns, number_of(4)), NOW_NS).err();
        assert_eq!(refused(ATTACHED_NS - 64), Some(RefusedStamp::BeforeAttach));
        assert_eq!(refused(ATTACHED_NS), None);
        assert_eq!(refused(NOW_NS), None);
        assert_eq!(refused(NOW_NS + 64), Some(RefusedStamp::Future));
        let now_ns = ATTACHED_NS + LONGEST_WAY_NS + 128;
        let of = |time_ns| expected().departed_ns(stamp(time_ns, number_of(4)), now_ns).err();
        assert_eq!((of(ATTACHED_NS), of(ATTACHED_NS + 128)), (Some(RefusedStamp::TooOld), None));
    }

    #[test]
    fn one_in_64_foreign_times_passes_and_no_rounded_one() {
        let passes = |step: u64| {
            let times = (0..6_400).map(|n| ATTACHED_NS + 1_000_000_000 + n * step);
            times.filter(|time_ns| expected().departed_ns(*time_ns, NOW_NS).is_ok()).count()
        };
        assert_eq!(passes(1), 100);
        assert_eq!(passes(7_919), 100, "any odd step");
        for rounded in [64, 100, 1_000, 1_000_000] {
            assert_eq!(passes(rounded), 0, "{rounded}");
        }
    }

    #[test]
    fn the_first_48_endpoints_have_numbers_of_their_own() {
        let numbers = (0..NUMBERS).map(number_of);
        assert!(numbers.clone().all(|number| (1..64).contains(&number) && number % 4 != 0));
        let seen = numbers.fold(0_u64, |seen, number| seen | 1 << number);
        assert_eq!(seen.count_ones(), NUMBERS);
    }

    #[test]
    fn halves_are_put_together_again() {
        assert_eq!(Expected::from_halves(expected().halves()), expected());
    }
}
