//! State that is kept between the packets of a TCP connection, in a table that evicts the oldest entries.
//!
//! Nothing that is exported as a counter is kept here. A connection is seen from an endpoint: `local` is the side of
//! the endpoint's namespace (source at egress, destination at ingress), so both directions share one entry. The
//! table consists of sets. A line of tags ([`FlowSet`]) says which connection is in which entry of the set; the
//! entries are in an array of their own.

use core::sync::atomic::AtomicU64;

use crate::{
    tag::SharedWords,
    tcp::{HOLES, Half},
};

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
///
/// `W` is a word that programs on several CPUs change. The agent reads a copy, in which it is a plain `u32`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct TcpFlow<W = Half> {
    /// Time of the latest packet, monotonic nanoseconds; 0 before the first.
    pub last_ns: u64,
    /// The low halves of the packets by hook.
    pub packets: [u32; 2],
    /// Bytes by hook.
    pub bytes: [u64; 2],
    /// When the segment left whose ACK is being timed; 0 if there is none. One segment is timed at a time.
    pub rtt_ns: u64,
    /// The acknowledgment number that covers that segment.
    pub rtt_ack: u32,
    /// `TCP_*` bits.
    pub state: W,
    /// One past the highest sequence number that has passed, by hook.
    pub next: [W; 2],
    /// The highest sequence number in `next` that the other side has acknowledged, by the hook of the data.
    pub acked: [u32; 2],
    /// When the latest byte of the request passed, while there is one ([`TCP_ASKED`]).
    pub request_ns: u64,
    /// Time of the first packet, monotonic nanoseconds.
    pub first_ns: u64,
    /// The latest round-trip sample, nanoseconds; 0 if there is none.
    pub latest_rtt_ns: u64,
    /// Retransmitted segments, by hook.
    pub retransmits: [u32; 2],
    /// Segments that passed after later ones, by hook.
    pub reordered: [u32; 2],
    /// The high halves of the packets, by hook.
    pub packets_high: [u32; 2],
    /// The sequence number of the SYN, by hook.
    pub isn: [u32; 2],
    /// The locks of `holes`, by hook ([`crate::tcp::Track`]).
    pub locks: [W; 2],
    /// First and last-but-one sequence numbers of what has not passed below `next`, by hook.
    pub holes: [[[W; 2]; HOLES]; 2],
    /// The end of the latest hole that was opened, by hook.
    pub gap_end: [u32; 2],
}

/// An entry of the table.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Flow<W = Half> {
    /// The state of the connection.
    pub tcp: TcpFlow<W>,
    /// Its addresses and ports.
    pub key: FlowKey,
    /// Padding to the end of the fourth cache line.
    pub reserved: [u64; 4],
}

impl<W> TcpFlow<W> {
    /// Returns the number of packets at `hook`.
    #[must_use]
    pub fn packet_count(&self, hook: usize) -> u64 {
        u64::from(self.packets_high[hook]) << 32 | u64::from(self.packets[hook])
    }
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
        let unknown = words.load(&self.tags[0]);
        for candidate in 0..FLOW_WAYS {
            let holds = words.load(&self.tags[candidate]);
            let at_ns = if holds == 0 { 0 } else { last_ns(candidate) };
            if at_ns < oldest_ns && holds != BEING_WRITTEN {
                (way, oldest_ns, held) = (candidate, at_ns, holds);
            }
            // The verifier follows the next candidate once, whichever is the oldest so far.
            way = words.obscured(way as u64, unknown) as usize;
            oldest_ns = words.obscured(oldest_ns, unknown);
            held = words.obscured(held, unknown);
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
/// `next` is known at ingress. The next higher bit is for egress, as in all pairs of bits.
pub const TCP_SEQ_KNOWN: u32 = 1 << 6;
/// A FIN passed at ingress.
pub const TCP_FIN: u32 = 1 << 8;
/// The FIN that passed at ingress was acknowledged.
pub const TCP_FIN_ACKED: u32 = 1 << 10;
/// The RST that ended the connection passed at ingress.
pub const TCP_RESET: u32 = 1 << 12;
/// The receiver of what passes at ingress has announced a window of 0.
pub const TCP_ZERO_WINDOW: u32 = 1 << 14;
/// A request is under way or waits for its response.
pub const TCP_ASKED: u32 = 1 << 16;
/// The response to the latest request has begun.
pub const TCP_ANSWERED: u32 = 1 << 17;
/// The method of the latest request allows for a body.
pub const TCP_BODY: u32 = 1 << 18;
/// The response was "100 Continue", so the rest of the request follows.
pub const TCP_CONTINUE: u32 = 1 << 19;
/// A part of the request did not pass in order, so its response is not timed.
pub const TCP_TORN: u32 = 1 << 20;
/// No more responses of the connection are timed.
pub const TCP_UNSURE: u32 = 1 << 21;
/// The connection began before its entry, and that has not been counted yet.
pub const TCP_FOUND: u32 = 1 << 22;

const _: () = {
    assert!(size_of::<FlowKey>() == 40);
    assert!(core::mem::offset_of!(TcpFlow, request_ns) == 64);
    assert!(core::mem::offset_of!(TcpFlow, holes) == 2 * 64);
    assert!(size_of::<TcpFlow>() == 2 * 64 + 8 * 6 + 8);
    assert!(size_of::<FlowSet>() == 64);
    assert!(size_of::<Flow>() == 4 * 64 && size_of::<Flow<u32>>() == size_of::<Flow>());
};

#[cfg(feature = "user")]
mod pod {
    #![expect(unsafe_code, reason = "the agent reads this type from a map as bytes")]

    // SAFETY: repr(C) of integers without padding (the sizes are asserted above), so any bytes are a value.
    unsafe impl aya::Pod for super::Flow<u32> {}
}
