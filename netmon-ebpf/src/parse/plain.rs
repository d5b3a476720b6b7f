//! Plain packets, which almost all are: no IPv4 options, no IPv6 extension headers.
//!
//! What [`super::parse`] says of them, found in fewer steps and by code that is compiled for each IP apart.

use super::{
    DNS_PORT, ICMP_HEADER, IPV4_HEADER, IPV6_HEADER, Ip, Network, Packet, Parsed, TCP_HEADER, UDP_HEADER,
    transport_of,
};
use crate::protocol::Protocol;

/// Reads the headers of a plain IPv4 packet: no options, and a complete transport header or a later fragment.
/// None for every other packet, of which [`parse`] says what it is; where this knows an answer, it is the same.
#[inline(always)]
pub fn plain_ipv4<P: Packet>(packet: &P, network_offset: usize) -> Option<Parsed> {
    const VERSION_AND_LENGTH: u8 = 4 << 4 | (IPV4_HEADER / 4) as u8;
    let [VERSION_AND_LENGTH, _, high, low, _, _, fragment_high, fragment_low, _, number] =
        packet.load::<10>(network_offset)?
    else {
        return None;
    };
    let total = usize::from(u16::from_be_bytes([high, low]));
    let end = if total == 0 { 0 } else { network_offset + total };
    let ip = Ip { network: Network::Ipv4, network_offset, end };
    if u16::from_be_bytes([fragment_high, fragment_low]) & 0x1fff != 0 {
        return Some(ip.later_fragment(number, network_offset + IPV4_HEADER));
    }
    ip.plain_transport(packet, number, network_offset + IPV4_HEADER)
}

/// As [`plain_ipv4`], for IPv6 without extension headers.
#[inline(always)]
pub fn plain_ipv6<P: Packet>(packet: &P, network_offset: usize) -> Option<Parsed> {
    let [version, _, _, _, high, low, number, _] = packet.load::<8>(network_offset)?;
    if version >> 4 != 6 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let end = if length == 0 { 0 } else { network_offset + IPV6_HEADER + length };
    let ip = Ip { network: Network::Ipv6, network_offset, end };
    ip.plain_transport(packet, number, network_offset + IPV6_HEADER)
}

impl Ip {
    /// As [`Self::transport`], of those protocols that most packets are of, when their header is there.
    #[inline(always)]
    fn plain_transport<P: Packet>(&self, packet: &P, number: u8, transport_offset: usize) -> Option<Parsed> {
        let protocol = transport_of(self.network, number)?;
        let parsed = |header| self.parsed(protocol, transport_offset, header, None);
        match protocol {
            Protocol::Tcp => {
                let header = packet.load::<TCP_HEADER>(transport_offset)?;
                let length = usize::from(header[12] >> 4) * 4;
                (length >= TCP_HEADER).then(|| parsed(length))
            }
            Protocol::Udp => {
                let [s0, s1, d0, d1, ..] = packet.load::<UDP_HEADER>(transport_offset)?;
                let (source, destination) = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
                let is_dns = source == DNS_PORT || destination == DNS_PORT;
                Some(Parsed { is_dns, ..parsed(UDP_HEADER) })
            }
            Protocol::Icmp | Protocol::Icmpv6 => {
                packet.load::<ICMP_HEADER>(transport_offset)?;
                Some(parsed(ICMP_HEADER))
            }
            _ => None,
        }
    }
}
