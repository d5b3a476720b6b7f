//! What one program tells the next about a packet, in the words of `skb->cb` that the dispatcher leaves free.
//!
//! The verifier knows nothing about this memory. That is intended: each program is verified once, for any packet, and
//! not again for every path through the program before it.

use aya_ebpf::programs::TcContext;
use netmon_ebpf::{
    abi::{CB_HEADERS, CB_PAYLOAD, CB_PLACE, CB_TIME},
    parse::{Network, Parsed},
};

/// Number of bits for the transport header's offset in [`CB_HEADERS`].
const TRANSPORT_BITS: u32 = 11;
/// Number of the next bits, for the IP header's offset: at most 14 bytes of Ethernet and three VLAN tags.
const NETWORK_BITS: u32 = 5;
/// The bit after both, which is set for IPv6.
const IPV6: u32 = 1 << (TRANSPORT_BITS + NETWORK_BITS);
/// The number of the transport protocol follows.
const NUMBER_SHIFT: u32 = TRANSPORT_BITS + NETWORK_BITS + 1;

/// The headers of a packet whose conversation is followed.
#[derive(Clone, Copy)]
pub(crate) struct Headers {
    /// Where the IP header begins.
    pub(super) network_offset: usize,
    /// Where the transport header begins.
    pub(super) transport_offset: usize,
    /// Its version of IP.
    pub(super) network: Network,
    /// The IP protocol number of what the transport header is, if it is needed ([`Self::with_number`]).
    pub(super) number: u8,
    /// Length of what follows the transport header, without padding, in bytes.
    pub(super) payload: u32,
    /// When the packet passed the hook, monotonic nanoseconds.
    pub(super) now_ns: u64,
}

impl Headers {
    /// Returns what `parsed` says about a frame of `frame` bytes.
    #[inline(always)]
    pub(super) fn new(parsed: &Parsed, now_ns: u64, frame: u32) -> Self {
        // Padding may follow the IP packet. A super-packet may not say where it ends. The end that a packet claims is
        // trusted only up to the end of the frame.
        let end = if parsed.end == 0 { frame } else { frame.min(parsed.end as u32) };
        Self {
            network_offset: parsed.network_offset,
            transport_offset: parsed.transport_offset,
            network: parsed.network,
            number: 0,
            payload: end.saturating_sub(parsed.header_bytes as u32),
            now_ns,
        }
    }

    /// Adds the number of the transport protocol. Where it is not needed, the verifier should not have to track it.
    #[inline(always)]
    pub(super) fn with_number(self, parsed: &Parsed) -> Self {
        Self { number: parsed.number, ..self }
    }

    /// Returns the same with offsets of which the verifier knows that they are small, after it has lost sight of them.
    #[inline(always)]
    pub(super) fn bounded(self) -> Self {
        Self {
            network_offset: self.network_offset & ((1 << NETWORK_BITS) - 1),
            transport_offset: self.transport_offset & ((1 << TRANSPORT_BITS) - 1),
            ..self
        }
    }

    /// Stores the headers in `skb->cb`.
    #[inline(always)]
    pub(super) fn store(&self, ctx: &TcContext) {
        let ipv6 = if matches!(self.network, Network::Ipv6) { IPV6 } else { 0 };
        let headers = self.transport_offset as u32
            | (self.network_offset as u32) << TRANSPORT_BITS
            | ipv6
            | u32::from(self.number) << NUMBER_SHIFT;
        // SAFETY: words of the context that programs may write, which the verifier translates.
        unsafe {
            let cb = &raw mut (*ctx.skb.skb).cb;
            (*cb)[CB_HEADERS] = headers;
            (*cb)[CB_TIME] = self.now_ns as u32;
            (*cb)[CB_TIME + 1] = (self.now_ns >> 32) as u32;
            (*cb)[CB_PAYLOAD] = self.payload;
        }
    }

    /// Returns the endpoint's [`place`](netmon_ebpf::abi::place) and the headers that `skb->cb` contains.
    #[inline(always)]
    pub(super) fn load(ctx: &TcContext) -> (u32, Self) {
        let cb = ctx.cb();
        let headers = cb[CB_HEADERS];
        let this = Self {
            transport_offset: (headers & ((1 << TRANSPORT_BITS) - 1)) as usize,
            network_offset: (headers >> TRANSPORT_BITS & ((1 << NETWORK_BITS) - 1)) as usize,
            network: if headers & IPV6 == 0 { Network::Ipv4 } else { Network::Ipv6 },
            number: (headers >> NUMBER_SHIFT) as u8,
            payload: cb[CB_PAYLOAD],
            now_ns: u64::from(cb[CB_TIME]) | u64::from(cb[CB_TIME + 1]) << 32,
        };
        (cb[CB_PLACE], this)
    }
}
