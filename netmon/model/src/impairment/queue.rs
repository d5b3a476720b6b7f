//! What delay and rate come to as queueing disciplines: a netem for the delay, a token bucket for the rate, and for both
//! a netem with the token bucket below it, so that packets are delayed first and queue for the rate then.
//!
//! How long the queues are is arithmetic of the amounts and of the link's MTU alone: the same wish makes the same
//! queue, and a queue that is there can be held against the wish.

use std::time::Duration;

use super::Impairment;

/// What the kernel adds to the MTU: an Ethernet header, and a VLAN tag.
const FRAME: u32 = 14 + 4;
/// Milliseconds of the rate that may pass at once: as long as a timer may come late on a busy machine.
const BURST_MS: u64 = 5;
/// How many bursts may wait, so 50 ms, or ten packets where a packet takes longer than a burst.
const BURSTS_WAITING: u32 = 10;
/// How many packets netem holds for each microsecond of delay, at the least, and at the most.
const LEAST_HELD: u64 = 1_000;
const MOST_HELD: u64 = 100_000;

/// The parameters of a netem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netem {
    /// How long each packet is held, nanoseconds.
    pub delay_ns: u64,
    /// By how much more or less, evenly distributed.
    pub jitter_ns: u64,
    /// Packets that it may hold.
    pub limit: u32,
}

/// How a token bucket is filled and how long its queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Bytes a second.
    pub rate: u64,
    /// Bytes that may pass at once.
    pub burst: u32,
    /// Bytes that may wait.
    pub limit: u32,
}

impl TokenBucket {
    /// Whether packets fare alike in both: by rate and limit, which the kernel tells exactly.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        (self.rate, self.limit) == (other.rate, other.limit)
    }
}

/// The qdiscs of one end. At least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The root, when there is a delay.
    pub netem: Option<Netem>,
    /// The root, or below the netem.
    pub bucket: Option<TokenBucket>,
}

impl Queue {
    /// What the impairment needs on a link of this MTU; none when it has neither delay nor rate.
    #[must_use]
    pub fn of(impairment: &Impairment, mtu: u32) -> Option<Self> {
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

    /// How long a packet waits for the rate at most.
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
        Queue::of(&impairment, mtu)
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
    fn a_netem_holds_a_packet_for_each_microsecond() {
        let held = |delay| of(Some(delay), None, 1500).unwrap().netem.unwrap().limit;
        assert_eq!(["1us", "10ms", "4s"].map(held), [1_000, 10_000, 100_000]);
        assert_eq!(of(None, None, 1500), None);
    }
}
