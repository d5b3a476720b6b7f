//! The header of BIG TCP over IPv6. The kernel writes it into super-packets of more than 64 KiB, and removes it when it
//! cuts them.
//!
//! It is a hop-by-hop header with the jumbo payload option alone (RFC 2675, 2), and TCP follows it.

use super::{IPPROTO_HOP_BY_HOP, IPPROTO_TCP, IPV6_HEADER, Network, Packet};

/// Its length.
const LENGTH: usize = 8;
/// The type of the option.
const JUMBO_PAYLOAD: u8 = 0xc2;

/// Returns the length of this header in the IP packet at this offset: 8, or 0 without one.
#[inline(always)]
pub fn jumbo_bytes<P: Packet>(packet: &P, network: Network, network_offset: usize) -> usize {
    if !matches!(network, Network::Ipv6) {
        return 0;
    }
    match packet.load::<1>(network_offset + 6) {
        Some([IPPROTO_HOP_BY_HOP]) => hop_by_hop_bytes(packet, network_offset + IPV6_HEADER),
        _ => 0,
    }
}

/// The same for the hop-by-hop header at this offset.
#[inline(always)]
pub(super) fn hop_by_hop_bytes<P: Packet>(packet: &P, offset: usize) -> usize {
    match packet.load::<4>(offset) {
        Some([IPPROTO_TCP, 0, JUMBO_PAYLOAD, 4]) => LENGTH,
        _ => 0,
    }
}
