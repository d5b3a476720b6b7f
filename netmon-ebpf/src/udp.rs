//! Conversations over UDP, in a table that evicts the entries that were idle for longest.
//!
//! As in [`crate::flow`], a conversation is seen from an endpoint, and the entries belong to sets of tags. UDP has no
//! beginning and no end: a conversation ends when it was silent for as long as the kernel's connection tracking waits
//! (`nf_conntrack_udp_timeout`). The next packet of the same addresses and ports begins another one in its place.

use core::sync::atomic::AtomicU64;

use crate::{
    abi::{EGRESS, HOOKS, INGRESS},
    flow::FlowKey,
    tag::SharedWords,
};

/// A conversation that was not answered, or not for long, ends after this silence.
pub const SHORT_SILENCE_NS: u64 = 30_000_000_000;
/// One that was answered and has lasted for [`LASTING_NS`] ends after this silence.
pub const LONG_SILENCE_NS: u64 = 120_000_000_000;
/// From then on, an answered conversation is one that lasts.
pub const LASTING_NS: u64 = 2_000_000_000;

/// Access to counts that several CPUs add to.
pub trait SharedCounts: SharedWords {
    /// Adds `number` to `count`.
    fn add(self, count: &AtomicU64, number: u64);
}

/// A conversation at one endpoint.
///
/// `W` is a count that programs on several CPUs add to: two threads may send through one socket. The agent reads a copy,
/// in which it is a plain `u64`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct UdpFlow<W = AtomicU64> {
    /// Time of the latest packet, monotonic nanoseconds; 0 before the first.
    pub last_ns: u64,
    /// Time of the first packet, monotonic nanoseconds.
    pub first_ns: u64,
    /// Packets by hook.
    pub packets: [W; HOOKS],
    /// Bytes by hook.
    pub bytes: [W; HOOKS],
    /// The hook that the first packet passed.
    pub opened_at: u64,
    /// Its addresses and ports.
    pub key: FlowKey,
    /// Padding to the end of the second cache line.
    pub reserved: [u64; 4],
}

/// Returns whether a conversation with these times has ended at `now_ns`.
#[inline(always)]
#[must_use]
pub const fn has_ended(first_ns: u64, last_ns: u64, is_answered: bool, now_ns: u64) -> bool {
    let lasts = is_answered && last_ns.saturating_sub(first_ns) > LASTING_NS;
    let silence_ns = if lasts { LONG_SILENCE_NS } else { SHORT_SILENCE_NS };
    now_ns.saturating_sub(last_ns) > silence_ns
}

impl UdpFlow<u64> {
    /// Returns whether packets passed in both directions.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.packets[INGRESS] != 0 && self.packets[EGRESS] != 0
    }

    /// Returns whether the conversation has ended at `now_ns`.
    #[must_use]
    pub const fn has_ended(&self, now_ns: u64) -> bool {
        has_ended(self.first_ns, self.last_ns, self.is_answered(), now_ns)
    }
}

impl UdpFlow {
    /// Returns whether the conversation has ended at `now_ns`.
    #[inline(always)]
    pub fn is_over(&self, now_ns: u64, words: impl SharedWords) -> bool {
        let [ingress, egress] = &self.packets;
        let is_answered = words.load(ingress) != 0 && words.load(egress) != 0;
        has_ended(self.first_ns, self.last_ns, is_answered, now_ns)
    }

    /// Resets the counts, in place, for a conversation whose first packet passes `hook`.
    #[inline(always)]
    pub fn restart(&mut self, hook: usize, now_ns: u64, words: impl SharedWords) {
        words.store(&self.packets[INGRESS], 0);
        words.store(&self.packets[EGRESS], 0);
        words.store(&self.bytes[INGRESS], 0);
        words.store(&self.bytes[EGRESS], 0);
        (self.first_ns, self.last_ns, self.opened_at) = (now_ns, now_ns, hook as u64);
    }

    /// Counts a packet of `bytes` bytes at `hook`.
    #[inline(always)]
    pub fn count<const HOOK: usize>(&mut self, bytes: u32, now_ns: u64, words: impl SharedCounts) {
        words.add(&self.packets[HOOK], 1);
        words.add(&self.bytes[HOOK], u64::from(bytes));
        self.last_ns = now_ns;
    }
}

const _: () = {
    assert!(size_of::<UdpFlow>() == 2 * 64 && size_of::<UdpFlow<u64>>() == size_of::<UdpFlow>());
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads this type from a map as bytes")]

    // SAFETY: repr(C) of integers without padding (the size is asserted above), so any bytes are a value.
    unsafe impl aya::Pod for super::UdpFlow<u64> {}
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering::SeqCst;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[derive(Clone, Copy)]
    struct Atomics;

    impl SharedWords for Atomics {
        fn load(self, word: &AtomicU64) -> u64 {
            word.load(SeqCst)
        }

        fn store(self, word: &AtomicU64, new: u64) {
            word.store(new, SeqCst);
        }

        fn compare_exchange(self, word: &AtomicU64, old: u64, new: u64) -> bool {
            word.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
        }
    }

    impl SharedCounts for Atomics {
        fn add(self, count: &AtomicU64, number: u64) {
            count.fetch_add(number, SeqCst);
        }
    }

    /// A query at one second that was answered after `answered_ns`.
    fn asked_and_answered(answered_ns: u64) -> UdpFlow {
        let mut flow = UdpFlow::default();
        flow.restart(EGRESS, SECOND, Atomics);
        flow.count::<EGRESS>(70, SECOND, Atomics);
        flow.count::<INGRESS>(130, SECOND + answered_ns, Atomics);
        flow
    }

    fn counts(flow: &UdpFlow) -> [u64; 4] {
        let [[p0, p1], [b0, b1]] = [&flow.packets, &flow.bytes];
        [p0, p1, b0, b1].map(|count| count.load(SeqCst))
    }

    #[test]
    fn packets_and_bytes_are_counted_by_direction() {
        let flow = asked_and_answered(SECOND);
        assert_eq!(counts(&flow), [1, 1, 130, 70]);
        assert_eq!((flow.first_ns, flow.last_ns, flow.opened_at), (SECOND, 2 * SECOND, EGRESS as u64));
    }

    #[test]
    fn a_query_and_its_answer_end_after_the_short_silence() {
        let flow = asked_and_answered(SECOND);
        assert!(!flow.is_over(flow.last_ns + SHORT_SILENCE_NS, Atomics));
        assert!(flow.is_over(flow.last_ns + SHORT_SILENCE_NS + 1, Atomics));
    }

    #[test]
    fn a_conversation_that_lasts_ends_after_the_long_silence() {
        let flow = asked_and_answered(LASTING_NS + 1);
        assert!(!flow.is_over(flow.last_ns + LONG_SILENCE_NS, Atomics));
        assert!(flow.is_over(flow.last_ns + LONG_SILENCE_NS + 1, Atomics));
    }

    #[test]
    fn packets_without_an_answer_end_after_the_short_silence_however_many() {
        let (first_ns, last_ns) = (SECOND, 100 * SECOND);
        assert!(has_ended(first_ns, last_ns, false, last_ns + SHORT_SILENCE_NS + 1));
        assert!(!has_ended(first_ns, last_ns, true, last_ns + SHORT_SILENCE_NS + 1));
    }

    #[test]
    fn a_clock_read_before_the_latest_packet_does_not_end_it() {
        assert!(!has_ended(SECOND, 2 * SECOND, true, SECOND));
    }

    #[test]
    fn the_next_conversation_of_the_same_ports_begins_at_zero() {
        let mut flow = asked_and_answered(SECOND);
        flow.restart(INGRESS, 99 * SECOND, Atomics);
        assert_eq!(counts(&flow), [0; 4]);
        assert_eq!((flow.first_ns, flow.opened_at), (99 * SECOND, INGRESS as u64));
    }
}
