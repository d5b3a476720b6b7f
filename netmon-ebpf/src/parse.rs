//! What a packet is: one pass over its headers, which touches nothing else.
//!
//! Parsing is pure and generic over [`Packet`], so the same code runs in the kernel over an skb and on the host over
//! bytes. It follows 802.1Q and 802.1ad tags (IEEE 802.1Q), IPv4 with options (RFC 791) and IPv6 with extension
//! headers (RFC 8200), and stops at the transport header. A packet that it cannot follow still has a protocol, and
//! the reason is in [`Parsed::stop`].

mod addresses;
mod jumbo;
mod link;
mod parsed;
mod plain;
mod tunnel;

use self::link::MAX_VLAN_TAGS;
pub use self::{
    addresses::addresses,
    jumbo::jumbo_bytes,
    link::{
        ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, ethertype, link_layer,
    },
    parsed::{Network, Parsed},
    plain::{Visitor, plain_ipv4, plain_ipv6},
    tunnel::{Inner, has_inner_headers, inner_headers, transport_header},
};
use crate::{abi::ParseStop, protocol::Protocol};

/// The bytes of a frame, wherever they are.
pub trait Packet {
    /// Returns the `N` bytes at `offset` from the beginning of the link-layer header. Returns `None` if the frame, or
    /// the part of it that can be read in this way, is shorter.
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Returns whether the kernel holds a VLAN tag beside the frame.
    #[inline(always)]
    fn has_tag_beside(&self) -> bool {
        false
    }

    /// Returns `number`, which is below 2^32, in a way that the verifier cannot follow.
    ///
    /// Where paths meet, the verifier follows the rest of the program once for each, unless it knows no difference between
    /// them. A parsed packet differs in a dozen numbers, by dozens of paths.
    #[inline(always)]
    fn obscured(&self, number: usize) -> usize {
        number
    }
}

impl Packet for &[u8] {
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

/// Length of the Ethernet header.
pub const ETHERNET_HEADER: usize = 14;
/// Length of the shortest IPv4 header.
pub const IPV4_HEADER: usize = 20;
/// Length of the IPv6 header without extensions.
pub const IPV6_HEADER: usize = 40;
/// Length of the shortest TCP header.
pub const TCP_HEADER: usize = 20;
/// The port of DNS, in network byte order.
pub const DNS_PORT: u16 = 53_u16.to_be();
/// Length of the UDP header.
pub const UDP_HEADER: usize = 8;
/// Length of the part of an ICMP or ICMPv6 header that echo uses.
pub const ICMP_HEADER: usize = 8;
/// Length of the SCTP common header, which each segment of a super-packet repeats (RFC 9260, 3.1).
pub const SCTP_HEADER: usize = 12;
/// The maximum number of IPv6 extension headers that are followed: each kind may occur once, destination options
/// twice (RFC 8200, 4.1).
const MAX_EXTENSIONS: usize = 6;
/// The length field of the longest extension header that is followed: 256 bytes. Extension headers may have 2 KiB,
/// but what follows such a long one is not parsed.
const MAX_EXTENSION_LENGTH: u8 = 31;
/// Every header lies within this offset. The mask keeps offsets within bounds that the verifier understands.
const OFFSET_MASK: usize = 0x7ff;

// The length of an authentication header is in words of four bytes, less two, so it is not longer than this.
const _: () = assert!(
    ETHERNET_HEADER
        + 4 * MAX_VLAN_TAGS
        + IPV6_HEADER
        + MAX_EXTENSIONS * (MAX_EXTENSION_LENGTH as usize + 1) * 8
        <= OFFSET_MASK
);

/// IP protocol number of ICMP.
pub const IPPROTO_ICMP: u8 = 1;
/// IP protocol number of TCP.
pub const IPPROTO_TCP: u8 = 6;
/// IP protocol number of UDP.
pub const IPPROTO_UDP: u8 = 17;
/// IP protocol number of ICMPv6.
pub const IPPROTO_ICMPV6: u8 = 58;
const IPPROTO_IPV4: u8 = 4;
const IPPROTO_IPV6: u8 = 41;
const IPPROTO_GRE: u8 = 47;
const IPPROTO_SCTP: u8 = 132;
const IPPROTO_HOP_BY_HOP: u8 = 0;
const IPPROTO_ROUTING: u8 = 43;
const IPPROTO_FRAGMENT: u8 = 44;
const IPPROTO_AUTHENTICATION: u8 = 51;
const IPPROTO_DESTINATION: u8 = 60;

/// Parses the headers of a frame.
///
/// ```
/// use netmon_ebpf::{Protocol, abi::ParseStop, parse::parse};
///
/// // Ethernet, IPv4 and the UDP header of a DNS query.
/// let mut frame = [0; 42];
/// frame[12..14].copy_from_slice(&[0x08, 0x00]);
/// frame[14..24].copy_from_slice(&[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17]);
/// frame[34..38].copy_from_slice(&[0x9c, 0x40, 0, 53]);
///
/// let parsed = parse(&frame.as_slice());
/// assert_eq!((parsed.protocol, parsed.is_dns, parsed.stop), (Protocol::Udp, true, None));
/// assert_eq!((parsed.network_offset, parsed.transport_offset, parsed.header_bytes), (14, 34, 42));
///
/// // The same frame without the last byte of its UDP header.
/// assert_eq!(parse(&&frame[..41]).stop, Some(ParseStop::TransportTruncated));
/// ```
#[inline(always)]
pub fn parse<P: Packet>(packet: &P) -> Parsed {
    let (ethertype, offset) = match link_layer(packet) {
        Ok(inner) => inner,
        Err(offset) => return Parsed::stopped(Protocol::Other, ParseStop::EthernetTruncated, offset),
    };
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(packet, offset),
        ETHERTYPE_IPV6 => ipv6(packet, offset),
        ETHERTYPE_ARP => Parsed::arp(offset),
        ETHERTYPE_VLAN | ETHERTYPE_QINQ => Parsed::stopped(Protocol::Other, ParseStop::VlanDepth, offset),
        _ => Parsed::stopped(Protocol::Other, ParseStop::UnknownEthertype, offset),
    }
}

#[inline(always)]
fn ipv4<P: Packet>(packet: &P, network_offset: usize) -> Parsed {
    let stop = |reason| Parsed::stopped_in(Network::Ipv4, reason, network_offset);
    // Version, length of the header, total length; then fragmentation and the protocol.
    let Some([version, _, length_high, length_low]) = packet.load::<4>(network_offset) else {
        return stop(ParseStop::Ipv4Truncated);
    };
    let header = usize::from(version & 0x0f) * 4;
    if version >> 4 != 4 || header < IPV4_HEADER {
        return stop(ParseStop::Ipv4Malformed);
    }
    let Some([fragment_high, fragment_low, _, number]) = packet.load::<4>(network_offset + 6) else {
        return stop(ParseStop::Ipv4Truncated);
    };
    let total = usize::from(u16::from_be_bytes([length_high, length_low]));
    let transport_offset = network_offset + header;
    let ip = Ip {
        network: Network::Ipv4,
        network_offset,
        end: if total == 0 { 0 } else { network_offset + total },
    };
    if u16::from_be_bytes([fragment_high, fragment_low]) & 0x1fff != 0 {
        return ip.later_fragment(number, transport_offset);
    }
    ip.transport(packet, number, transport_offset)
}

#[inline(always)]
fn ipv6<P: Packet>(packet: &P, network_offset: usize) -> Parsed {
    let stop = |reason| Parsed::stopped_in(Network::Ipv6, reason, network_offset);
    let Some([version, _, _, _, length_high, length_low, mut number, _]) = packet.load::<8>(network_offset)
    else {
        return stop(ParseStop::Ipv6Truncated);
    };
    if version >> 4 != 6 {
        return stop(ParseStop::Ipv6Malformed);
    }
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let ip = Ip {
        network: Network::Ipv6,
        network_offset,
        end: if length == 0 { 0 } else { network_offset + IPV6_HEADER + length },
    };
    let mut offset = network_offset + IPV6_HEADER;
    if transport_of(Network::Ipv6, number).is_some() {
        return ip.transport(packet, number, offset);
    }
    let mut extensions = 0;
    // One pass more than there are extension headers, for the header that follows the last.
    while extensions <= MAX_EXTENSIONS {
        // This changes nothing, because no extension header that is followed exceeds MAX_EXTENSION_LENGTH.
        offset &= OFFSET_MASK;
        if !matches!(
            number,
            IPPROTO_HOP_BY_HOP
                | IPPROTO_ROUTING
                | IPPROTO_FRAGMENT
                | IPPROTO_AUTHENTICATION
                | IPPROTO_DESTINATION
        ) {
            return ip.transport(packet, number, offset);
        }
        let Some([next, length, high, low]) = packet.load::<4>(offset) else {
            return stop(ParseStop::Ipv6Truncated);
        };
        if length > MAX_EXTENSION_LENGTH && number != IPPROTO_FRAGMENT {
            break;
        }
        let size = match number {
            IPPROTO_FRAGMENT => {
                if u16::from_be_bytes([high, low]) & 0xfff8 != 0 {
                    return ip.later_fragment(next, offset + 8);
                }
                8
            }
            // In units of four bytes, less two (RFC 4302, 2.2).
            IPPROTO_AUTHENTICATION => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        offset = packet.obscured(offset + size);
        number = next;
        extensions += 1;
    }
    stop(ParseStop::Ipv6Extensions)
}

/// What the IP header says about a packet.
struct Ip {
    network: Network,
    network_offset: usize,
    end: usize,
}

impl Ip {
    #[inline(always)]
    fn transport<P: Packet>(&self, packet: &P, number: u8, transport_offset: usize) -> Parsed {
        let transport_offset = transport_offset & OFFSET_MASK;
        let Some(protocol) = transport_of(self.network, number) else {
            return self.parsed(
                Protocol::Other,
                number,
                transport_offset,
                0,
                Some(ParseStop::UnknownTransport),
            );
        };
        let header = match protocol {
            Protocol::Tcp => match packet.load::<1>(transport_offset + 12) {
                Some([offset]) => {
                    let header = usize::from(offset >> 4) * 4;
                    if header < TCP_HEADER {
                        return self.parsed(
                            protocol,
                            number,
                            transport_offset,
                            0,
                            Some(ParseStop::TcpMalformed),
                        );
                    }
                    // All fields that are read later are in the first 20 bytes.
                    packet.load::<1>(transport_offset + TCP_HEADER - 1).map(|_| header)
                }
                None => None,
            },
            Protocol::Udp => {
                let Some([s0, s1, d0, d1, ..]) = packet.load::<UDP_HEADER>(transport_offset) else {
                    return self.parsed(
                        protocol,
                        number,
                        transport_offset,
                        0,
                        Some(ParseStop::TransportTruncated),
                    );
                };
                let ports = [u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1])];
                let is_dns = ports.contains(&DNS_PORT);
                return Parsed {
                    is_dns,
                    ..self.parsed(protocol, number, transport_offset, UDP_HEADER, None)
                };
            }
            Protocol::Sctp => packet.load::<1>(transport_offset + SCTP_HEADER - 1).map(|_| SCTP_HEADER),
            _ => packet.load::<1>(transport_offset + ICMP_HEADER - 1).map(|_| ICMP_HEADER),
        };
        match header {
            Some(header) => self.parsed(protocol, number, transport_offset, header, None),
            None => self.parsed(protocol, number, transport_offset, 0, Some(ParseStop::TransportTruncated)),
        }
    }

    /// Returns what is known about a later fragment. It belongs to a transport protocol, but has no transport header.
    #[inline(always)]
    fn later_fragment(&self, number: u8, offset: usize) -> Parsed {
        let protocol = transport_of(self.network, number).unwrap_or(Protocol::Other);
        self.parsed(protocol, number, offset, 0, Some(ParseStop::LaterFragment))
    }

    #[inline(always)]
    fn parsed(
        &self,
        protocol: Protocol,
        number: u8,
        transport_offset: usize,
        header: usize,
        stop: Option<ParseStop>,
    ) -> Parsed {
        Parsed {
            protocol,
            network: self.network,
            network_offset: self.network_offset,
            transport_offset,
            header_bytes: transport_offset + header,
            number,
            end: self.end,
            is_dns: false,
            stop,
        }
    }
}

/// Returns the transport protocol with this number. ICMP exists only over IPv4, and ICMPv6 only over IPv6.
#[inline(always)]
fn transport_of(network: Network, number: u8) -> Option<Protocol> {
    match number {
        IPPROTO_TCP => Some(Protocol::Tcp),
        IPPROTO_UDP => Some(Protocol::Udp),
        IPPROTO_ICMP if matches!(network, Network::Ipv4) => Some(Protocol::Icmp),
        IPPROTO_ICMPV6 if matches!(network, Network::Ipv6) => Some(Protocol::Icmpv6),
        IPPROTO_SCTP => Some(Protocol::Sctp),
        _ => None,
    }
}
