//! Plain packets, without IPv4 options or IPv6 extension headers. Almost all packets are plain.
//!
//! The result is that of [`super::parse`], in fewer steps. The code that handles the packet is compiled once for each
//! kind of plain packet, with the kind as a constant: see [`Visitor`].

use super::{
    DNS_PORT, ICMP_HEADER, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, IPV4_HEADER, IPV6_HEADER,
    Ip, Network, Packet, Parsed, TCP_HEADER, UDP_HEADER,
};
use crate::protocol::Protocol;

/// The code that handles a packet. It is called from one place for each kind of plain packet. It must be inlined to be
/// compiled for each kind.
pub trait Visitor {
    /// The result.
    type Output;

    /// Handles the packet.
    fn visit(&self, parsed: &Parsed) -> Self::Output;
}

/// Parses a plain IPv4 packet, and returns what `visitor` makes of it. Such a packet has no options, and either a
/// complete transport header or none because it is a later fragment. Returns `None` for every other packet;
/// [`super::parse`] handles those. For plain packets both agree.
#[inline(always)]
pub fn plain_ipv4<P: Packet, V: Visitor>(
    packet: &P,
    network_offset: usize,
    visitor: &V,
) -> Option<V::Output> {
    const VERSION_AND_LENGTH: u8 = 4 << 4 | (IPV4_HEADER / 4) as u8;
    let [VERSION_AND_LENGTH, _, high, low, _, _, fragment_high, fragment_low, _, number] =
        packet.load::<10>(network_offset)?
    else {
        return None;
    };
    let total = usize::from(u16::from_be_bytes([high, low]));
    let end = if total == 0 { 0 } else { network_offset + total };
    let ip = Ip { network: Network::Ipv4, network_offset, end };
    let transport_offset = network_offset + IPV4_HEADER;
    if u16::from_be_bytes([fragment_high, fragment_low]) & 0x1fff != 0 {
        return Some(visitor.visit(&ip.later_fragment(number, transport_offset)));
    }
    match number {
        IPPROTO_ICMP => ip.plain_icmp(packet, Protocol::Icmp, transport_offset, visitor),
        _ => ip.plain_transport(packet, number, transport_offset, visitor),
    }
}

/// The same as [`plain_ipv4`] for IPv6 without extension headers.
#[inline(always)]
pub fn plain_ipv6<P: Packet, V: Visitor>(
    packet: &P,
    network_offset: usize,
    visitor: &V,
) -> Option<V::Output> {
    let [version, _, _, _, high, low, number, _] = packet.load::<8>(network_offset)?;
    if version >> 4 != 6 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let end = if length == 0 { 0 } else { network_offset + IPV6_HEADER + length };
    let ip = Ip { network: Network::Ipv6, network_offset, end };
    let transport_offset = network_offset + IPV6_HEADER;
    match number {
        IPPROTO_ICMPV6 => ip.plain_icmp(packet, Protocol::Icmpv6, transport_offset, visitor),
        _ => ip.plain_transport(packet, number, transport_offset, visitor),
    }
}

impl Ip {
    /// The same as [`Self::transport`] for the most common protocols, if the transport header is complete.
    #[inline(always)]
    fn plain_transport<P: Packet, V: Visitor>(
        &self,
        packet: &P,
        number: u8,
        transport_offset: usize,
        visitor: &V,
    ) -> Option<V::Output> {
        match number {
            IPPROTO_TCP => {
                let header = packet.load::<TCP_HEADER>(transport_offset)?;
                let length = usize::from(header[12] >> 4) * 4;
                let parsed = self.parsed(Protocol::Tcp, number, transport_offset, length, None);
                (length >= TCP_HEADER).then(|| visitor.visit(&parsed))
            }
            IPPROTO_UDP => {
                let [s0, s1, d0, d1, ..] = packet.load::<UDP_HEADER>(transport_offset)?;
                let (source, destination) = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
                let parsed = self.parsed(Protocol::Udp, number, transport_offset, UDP_HEADER, None);
                if source == DNS_PORT || destination == DNS_PORT {
                    Some(visitor.visit(&Parsed { is_dns: true, ..parsed }))
                } else {
                    Some(visitor.visit(&parsed))
                }
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn plain_icmp<P: Packet, V: Visitor>(
        &self,
        packet: &P,
        protocol: Protocol,
        transport_offset: usize,
        visitor: &V,
    ) -> Option<V::Output> {
        packet.load::<ICMP_HEADER>(transport_offset)?;
        let number = if matches!(protocol, Protocol::Icmpv6) { IPPROTO_ICMPV6 } else { IPPROTO_ICMP };
        Some(visitor.visit(&self.parsed(protocol, number, transport_offset, ICMP_HEADER, None)))
    }
}
