//! State that is kept between the packets of a TCP connection, in a table that evicts the oldest entries.
//!
//! Nothing that is exported as a counter is kept here. A connection is seen from an endpoint: `local` is the side of
//! the endpoint's namespace (source at egress, destination at ingress), so both directions share one entry. The
//! table consists of sets. A line of tags ([`FlowSet`]) says which connection is in which entry of the set; the
//! entries are in an array of their own.

use core::sync::atomic::AtomicU64;

use crate::tag::SharedWords;

/// Entries of a set.
pub const FLOW_WAYS: usize = 8;
/// Stands in place of a tag while the entry is being written.
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
    /// Padding to whole words.
    pub reserved: u32,
}

/// The state of a TCP connection at one endpoint. The fields that every segment touches come first, in one cache
/// line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct TcpFlow {
    /// Time of the latest packet, monotonic nanoseconds.
    pub last_ns: u64,
    /// Packets by hook.
    pub packets: [u64; 2],
    /// Bytes by hook.
    pub bytes: [u64; 2],
    /// When the segment left whose ACK is being timed; 0 if there is none. One segment is timed at a time.
    pub rtt_ns: u64,
    /// The acknowledgment number that covers that segment.
    pub rtt_ack: u32,
    /// One past the highest sequence number seen, by hook.
    pub next_seq: [u32; 2],
    /// `TCP_*` bits.
    pub state: u32,
    /// When the latest byte of the unanswered request passed; 0 if there is none.
    pub request_ns: u64,
    /// When the unanswered SYN passed; 0 if there is none.
    pub syn_ns: u64,
    /// Time of the first packet, monotonic nanoseconds.
    pub first_ns: u64,
    /// The latest round-trip sample, nanoseconds; 0 if there is none.
    pub latest_rtt_ns: u64,
    /// Retransmitted segments, by hook.
    pub retransmits: [u32; 2],
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Flow {
    /// The state of the connection.
    pub tcp: TcpFlow,
    /// Its addresses and ports.
    pub key: FlowKey,
    /// Padding to the end of the third cache line.
    pub reserved: [u64; 6],
}

/// The tags of a set of entries.
#[derive(Debug, Default)]
#[repr(C)]
pub struct FlowSet {
    tags: [AtomicU64; FLOW_WAYS],
}

/// An entry that was claimed for a new connection. It is not found until it is published.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    /// The index of the entry in its set.
    pub way: usize,
    /// Whether another connection was in it.
    pub displaced: bool,
}

impl FlowSet {
    /// Returns the entry of the connection with this tag.
    #[inline(always)]
    pub fn find(&self, tag: u64, words: impl SharedWords) -> Option<usize> {
        (0..FLOW_WAYS).find(|&way| words.load(&self.tags[way]) == tag)
    }

    /// Claims an entry for a new connection: an empty one, or else the one that has been quiet for longest according
    /// to `last_ns`. Returns `None` if another CPU claimed it first.
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

    /// Makes an entry that was claimed and written available to [`find`](Self::find).
    #[inline(always)]
    pub fn publish(&self, way: usize, tag: u64, words: impl SharedWords) {
        if let Some(place) = self.tags.get(way) {
            words.store(place, tag);
        }
    }
}

/// The SYN passed at egress, so the client is on this side.
pub const TCP_CLIENT_LOCAL: u32 = 1 << 0;
/// The SYN passed at ingress, so the client is on the other side. If neither bit is set, no SYN was seen.
pub const TCP_CLIENT_REMOTE: u32 = 1 << 1;
/// The SYN was retransmitted. It is unknown which SYN was answered, so there is no sample (Karn).
pub const TCP_SYN_AGAIN: u32 = 1 << 2;
/// The SYN was answered by a SYN/ACK.
pub const TCP_SYN_ANSWERED: u32 = 1 << 3;
/// The handshake is complete, or data was seen on a connection that is older than the agent.
pub const TCP_OPEN: u32 = 1 << 4;
/// The connection was closed by both sides, reset or refused.
pub const TCP_ENDED: u32 = 1 << 5;
/// `next_seq` is known at ingress. The next higher bit is for egress.
pub const TCP_SEQ_KNOWN: u32 = 1 << 6;
/// A FIN passed at ingress. The next higher bit is for egress.
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

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above), so any bytes are a value.
    unsafe impl aya::Pod for super::Flow {}
}
