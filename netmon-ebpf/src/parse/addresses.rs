//! The addresses of an IP packet.

use super::{Network, Packet};

/// Returns the source and destination address of an IP packet. IPv4 is mapped into IPv6 (RFC 4291, 2.5.5.2).
#[inline(always)]
pub fn addresses<P: Packet>(
    packet: &P,
    network: Network,
    network_offset: usize,
) -> Option<([u8; 16], [u8; 16])> {
    match network {
        Network::Ipv4 => {
            let source = packet.load::<4>(network_offset + 12)?;
            let destination = packet.load::<4>(network_offset + 16)?;
            Some((mapped(source), mapped(destination)))
        }
        Network::Ipv6 => {
            let source = packet.load::<16>(network_offset + 8)?;
            let destination = packet.load::<16>(network_offset + 24)?;
            Some((source, destination))
        }
        Network::Other => None,
    }
}

#[inline(always)]
const fn mapped([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}
