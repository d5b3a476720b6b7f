//! The queueing disciplines for delay and rate: a netem for a delay, a token bucket for a rate. For both, the token
//! bucket is below the netem, so that packets are delayed first and then queue for the rate.
//!
//! The lengths of the queues follow from the amounts and the link's MTU alone. So the same impairment always makes the
//! same queue, and an existing queue can be compared with the declared impairment.

use std::time::Duration;

use super::Impairment;

/// The bytes that the kernel adds to the MTU: an Ethernet header and a VLAN tag.
const FRAME: u32 = 14 + 4;
/// The burst in milliseconds of the rate: as late as a timer may be on a busy machine.
const BURST_MS: u64 = 5;
/// The length of the queue in bursts: 50 ms, or ten packets if a packet takes longer than a burst.
const BURSTS_WAITING: u32 = 10;
/// The bounds of netem's limit, which is one packet for each microsecond of delay.
const LEAST_HELD: u64 = 1_000;
const MOST_HELD: u64 = 100_000;

/// The parameters of a netem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netem {
    /// The delay of each packet, nanoseconds.
    pub delay_ns: u64,
    /// The maximum deviation from the delay, up or down, evenly distributed, nanoseconds.
    pub jitter_ns: u64,
    /// The maximum number of packets that it holds.
    pub limit: u32,
}

/// The parameters of a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Bytes a second.
    pub rate: u64,
    /// The bytes that may pass at once.
    pub burst: u32,
    /// The bytes that may wait.
    pub limit: u32,
}

impl TokenBucket {
    /// Returns whether both treat packets alike. Compares rate and limit, which the kernel reports exactly.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        (self.rate, self.limit) == (other.rate, other.limit)
    }
}

/// The qdiscs of one end: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The root qdisc, if there is a delay.
    pub netem: Option<Netem>,
    /// The root qdisc, or the one below the netem.
    pub bucket: Option<TokenBucket>,
}

impl Queue {
    /// Returns the qdiscs of an impairment on a link of this MTU. `None` if it has neither delay nor rate.
    #[must_use]
    pub fn for_impairment(impairment: &Impairment, mtu: u32) -> Option<Self> {
        let netem = impairment.delay.map(|delay| {
            let (delay_ns, jitter_ns) = (delay.ns(), impairment.jitter.map_or(0, super::Delay::ns));
            let limit = ((delay_ns + jitter_ns) / 1_000).clamp(LEAST_HELD, MOST_HELD) as u32;
            Netem { delay_ns, jitter_ns, limit }
        });
        let bucket = impairment.rate.map(|rate| {
            let rate = rate.bytes();
            let burst = u32::try_from(rate * BURST_MS / 1_000).unwrap_or(u32::MAX / BURSTS_WAITING);
            let burst = burst.max(mtu + FRAME);
            TokenBucket { rate, burst, limit: BURSTS_WAITING * burst }
        });
        (netem.is_some() || bucket.is_some()).then_some(Self { netem, bucket })
    }

    /// Returns the maximum time for which a packet waits for the rate.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.bucket.map_or(Duration::ZERO, |bucket| {
            let ns = u128::from(bucket.limit) * 1_000_000_000 / u128::from(bucket.rate.max(1));
            Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(delay: Option<&str>, rate: Option<&str>, mtu: u32) -> Option<Queue> {
        let impairment = Impairment {
            delay: delay.map(|text| text.parse().unwrap()),
            rate: rate.map(|text| text.parse().unwrap()),
            ..Impairment::default()
        };
        Queue::for_impairment(&impairment, mtu)
    }

    #[test]
    fn a_queue_is_fifty_milliseconds_long_or_ten_packets() {
        let bucket = of(None, Some("10mbit"), 1500).unwrap().bucket.unwrap();
        assert_eq!(bucket, TokenBucket { rate: 1_250_000, burst: 6_250, limit: 62_500 });
        assert_eq!(of(None, Some("10mbit"), 1500).unwrap().longest_wait(), Duration::from_millis(50));
        let slow = of(None, Some("64kbit"), 1500).unwrap().bucket.unwrap();
        assert_eq!(slow, TokenBucket { rate: 8_000, burst: 1_518, limit: 15_180 });
        let fast = of(None, Some("100gbit"), 65_535).unwrap().bucket.unwrap();
        assert_eq!((fast.burst, fast.limit), (62_500_000, 625_000_000));
    }

    #[test]
    fn a_netem_holds_one_packet_for_each_microsecond() {
        let held = |delay| of(Some(delay), None, 1500).unwrap().netem.unwrap().limit;
        assert_eq!(["1us", "10ms", "4s"].map(held), [1_000, 10_000, 100_000]);
        assert_eq!(of(None, None, 1500), None);
    }
}
