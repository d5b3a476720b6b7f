//! What one program tells the next about a packet, in the words of `skb->cb` that the dispatcher left free.
//!
//! It travels through memory that the verifier knows nothing about, on purpose: each program is verified
//! once, for any packet, and not once more for every way through the program before it.

use aya_ebpf::programs::TcContext;
use netmon_ebpf::{
    abi::{CB_ENDPOINT, CB_HEADERS, CB_PAYLOAD, CB_TIME},
    parse::{Network, Parsed},
};

/// Bits of the transport header's offset in [`CB_HEADERS`].
const TRANSPORT_BITS: u32 = 11;
/// Bits of the IP header's offset, behind them: 14 bytes of Ethernet and two VLAN tags at the most.
const NETWORK_BITS: u32 = 5;
/// Set for IPv6, behind both.
const IPV6: u32 = 1 << (TRANSPORT_BITS + NETWORK_BITS);

/// A packet that a conversation is followed by.
pub(super) struct Headers {
    /// Where the IP header begins.
    pub(super) network_offset: usize,
    /// Where the transport header begins.
    pub(super) transport_offset: usize,
    /// Which IP it is.
    pub(super) network: Network,
    /// Bytes behind the transport header, without padding.
    pub(super) payload: u32,
    /// When the packet passed the hook, monotonic nanoseconds.
    pub(super) now_ns: u64,
}

impl Headers {
    /// What `parsed` tells of a frame of `frame` bytes.
    #[inline(always)]
    pub(super) fn of(parsed: &Parsed, now_ns: u64, frame: u32) -> Self {
        // Behind the end of the IP packet there may be padding; a super-packet may not say where it ends.
        // What it says is believed only as far as there are bytes.
        let end = if parsed.end == 0 { frame } else { frame.min(parsed.end as u32) };
        Self {
            network_offset: parsed.network_offset,
            transport_offset: parsed.transport_offset,
            network: parsed.network,
            payload: end.saturating_sub(parsed.header_bytes as u32),
            now_ns,
        }
    }

    /// Leaves this with the packet.
    #[inline(always)]
    pub(super) fn leave(&self, ctx: &TcContext) {
        let ipv6 = if matches!(self.network, Network::Ipv6) { IPV6 } else { 0 };
        let headers = self.transport_offset as u32 | (self.network_offset as u32) << TRANSPORT_BITS | ipv6;
        // SAFETY: words of the context that programs may write, which the verifier translates.
        unsafe {
            let cb = &raw mut (*ctx.skb.skb).cb;
            (*cb)[CB_HEADERS] = headers;
            (*cb)[CB_TIME] = self.now_ns as u32;
            (*cb)[CB_TIME + 1] = (self.now_ns >> 32) as u32;
            (*cb)[CB_PAYLOAD] = self.payload;
        }
    }

    /// Takes up what was left with the packet, and the endpoint that it is at.
    #[inline(always)]
    pub(super) fn take_up(ctx: &TcContext) -> (u32, Self) {
        let cb = ctx.cb();
        let headers = cb[CB_HEADERS];
        let this = Self {
            transport_offset: (headers & ((1 << TRANSPORT_BITS) - 1)) as usize,
            network_offset: (headers >> TRANSPORT_BITS & ((1 << NETWORK_BITS) - 1)) as usize,
            network: if headers & IPV6 == 0 { Network::Ipv4 } else { Network::Ipv6 },
            payload: cb[CB_PAYLOAD],
            now_ns: u64::from(cb[CB_TIME]) | u64::from(cb[CB_TIME + 1]) << 32,
        };
        (cb[CB_ENDPOINT], this)
    }
}
