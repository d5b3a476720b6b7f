//! State that lives between the packets of a TCP connection, in a table that forgets what is oldest.
//!
//! Nothing that is exported as a counter is kept here. A connection is seen from an endpoint: `local` is the
//! side of its namespace (source at egress, destination at ingress), so that both directions meet in one
//! entry. The table is a table of sets: a line of tags ([`FlowSet`]) says which of the set's entries, kept
//! in an array of their own, is whose.

use core::sync::atomic::AtomicU64;

use crate::tag::SharedWords;

/// Entries of a set.
pub const FLOW_WAYS: usize = 8;
/// In the place of a tag: the entry is being written.
const BEING_WRITTEN: u64 = 1;

/// Addresses and ports of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowKey {
    /// Address on this side; IPv4 is mapped into IPv6 (RFC 4291, 2.5.5.2).
    pub local: [u8; 16],
    /// Address on the other side.
    pub remote: [u8; 16],
    /// Port on this side, network byte order.
    pub local_port: u16,
    /// Port on the other side, network byte order.
    pub remote_port: u16,
    /// Fills the words.
    pub reserved: u32,
}

/// A TCP connection at one endpoint. What every segment touches comes first, in one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct TcpFlow {
    /// Latest packet, monotonic nanoseconds.
    pub last_ns: u64,
    /// Packets by hook.
    pub packets: [u64; 2],
    /// Bytes by hook.
    pub bytes: [u64; 2],
    /// When the sampled segment left; 0 without one. One is under way at a time.
    pub rtt_ns: u64,
    /// The acknowledgment number that answers the sampled segment.
    pub rtt_ack: u32,
    /// One past the highest sequence number seen, by hook.
    pub next_seq: [u32; 2],
    /// `TCP_*` bits.
    pub state: u32,
    /// When the latest byte of the unanswered request passed; 0 without one.
    pub request_ns: u64,
    /// When the unanswered SYN passed; 0 without one.
    pub syn_ns: u64,
    /// First packet, monotonic nanoseconds.
    pub first_ns: u64,
    /// The latest sample of the round trip, nanoseconds; 0 without one.
    pub latest_rtt_ns: u64,
    /// Segments that were seen again, by hook.
    pub retransmits: [u32; 2],
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Flow {
    /// What is known of the connection.
    pub tcp: TcpFlow,
    /// Whose it is.
    pub key: FlowKey,
    /// Fills the third cache line.
    pub reserved: [u64; 6],
}

/// The tags of a set of entries.
#[derive(Debug, Default)]
#[repr(C)]
pub struct FlowSet {
    tags: [AtomicU64; FLOW_WAYS],
}

/// An entry that was taken for a new connection, and is not to be found before it is written.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    /// Which entry of the set.
    pub way: usize,
    /// Whether there was a connection in it.
    pub displaced: bool,
}

impl FlowSet {
    /// Which entry of the set is the connection's.
    #[inline(always)]
    pub fn find(&self, tag: u64, words: impl SharedWords) -> Option<usize> {
        (0..FLOW_WAYS).find(|&way| words.load(&self.tags[way]) == tag)
    }

    /// Takes an entry for a new connection: an empty one, or else the one that was quiet for longest by
    /// `last_ns`. None when another CPU was faster.
    #[inline(always)]
    pub fn claim(&self, last_ns: impl Fn(usize) -> u64, words: impl SharedWords) -> Option<Claimed> {
        let (mut way, mut oldest_ns, mut held) = (0, u64::MAX, 0);
        for candidate in 0..FLOW_WAYS {
            let holds = words.load(&self.tags[candidate]);
            let at_ns = if holds == 0 { 0 } else { last_ns(candidate) };
            if at_ns < oldest_ns && holds != BEING_WRITTEN {
                (way, oldest_ns, held) = (candidate, at_ns, holds);
            }
        }
        let place = self.tags.get(way)?;
        let claimed = words.compare_exchange(place, held, BEING_WRITTEN);
        claimed.then_some(Claimed { way, displaced: held != 0 })
    }

    /// From now on the entry, which was taken and written, is found.
    #[inline(always)]
    pub fn publish(&self, way: usize, tag: u64, words: impl SharedWords) {
        if let Some(place) = self.tags.get(way) {
            words.store(place, tag);
        }
    }
}

/// The SYN passed at egress: the client is on this side.
pub const TCP_CLIENT_LOCAL: u32 = 1 << 0;
/// The SYN passed at ingress: the client is on the other side. Without either bit nobody saw the SYN.
pub const TCP_CLIENT_REMOTE: u32 = 1 << 1;
/// The SYN was sent again: its answer cannot be told apart, so it gives no sample (Karn).
pub const TCP_SYN_AGAIN: u32 = 1 << 2;
/// The SYN was answered by a SYN/ACK.
pub const TCP_SYN_ANSWERED: u32 = 1 << 3;
/// The handshake was completed, or data was seen of a connection that is older than the agent.
pub const TCP_OPEN: u32 = 1 << 4;
/// It ended: closed by both sides, reset or refused.
pub const TCP_ENDED: u32 = 1 << 5;
/// `next_seq` is known at ingress; shifted by one, at egress.
pub const TCP_SEQ_KNOWN: u32 = 1 << 6;
/// FIN passed at ingress; shifted by one, at egress.
pub const TCP_FIN: u32 = 1 << 8;

const _: () = {
    assert!(size_of::<FlowKey>() == 40);
    assert!(core::mem::offset_of!(TcpFlow, request_ns) == 64);
    assert!(size_of::<TcpFlow>() == 64 + 5 * 8);
    assert!(size_of::<FlowSet>() == 64);
    assert!(size_of::<Flow>() == 3 * 64);
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads this type from a map as bytes")]

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above): any bytes are a value.
    unsafe impl aya::Pod for super::Flow {}
}
