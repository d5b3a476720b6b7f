//! The headers of a packet in a tunnel: VXLAN (RFC 7348), Geneve (RFC 8926), GRE (RFC 2784, RFC 2890), IPv4 and IPv6
//! in either of them (RFC 2003, RFC 2473, RFC 4213).
//!
//! They matter for super-packets only: each segment repeats everything in front of the innermost payload. Ports say
//! little about what a UDP datagram contains, because any port may be configured. So a tunnel is recognized by its
//! contents: its own header, the headers inside, and IP lengths that end with the frame. Anything else is payload.

use super::{
    ETHERNET_HEADER, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, IPPROTO_DESTINATION,
    IPPROTO_GRE, IPPROTO_HOP_BY_HOP, IPPROTO_IPV4, IPPROTO_IPV6, IPPROTO_ROUTING, IPPROTO_SCTP, IPPROTO_TCP,
    IPPROTO_UDP, IPV4_HEADER, IPV6_HEADER, OFFSET_MASK, Packet, SCTP_HEADER, TCP_HEADER, UDP_HEADER,
    jumbo::hop_by_hop_bytes,
};

/// The maximum number of headers that are followed. A super-packet of TCP over IPv6 with two VLAN tags and an extension
/// header in VXLAN has seven, and it may be in GRE, too.
const MAX_HEADERS: usize = 10;
/// Ethernet in a protocol that names its contents by ethertype.
const ETHERTYPE_ETHERNET: u16 = 0x6558;
/// Length of the VXLAN header, and of the Geneve header without options.
const TUNNEL_HEADER: usize = 8;

/// What is known about the headers of a super-packet, its innermost included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inner {
    /// Where the innermost payload begins, in bytes from the link-layer header; 0 if that was not found out.
    pub end: usize,
    /// Length of the header among them that the kernel removes when it cuts the packet.
    pub jumbo_bytes: usize,
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Ethernet,
    /// A VLAN tag, after its ethertype.
    Vlan,
    Ipv4,
    Ipv6,
    HopByHop,
    Extension,
    Gre,
    Udp,
    Tcp,
    Sctp,
}

impl Header {
    #[inline(always)]
    const fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            IPPROTO_IPV4 => Self::Ipv4,
            IPPROTO_IPV6 => Self::Ipv6,
            IPPROTO_GRE => Self::Gre,
            IPPROTO_UDP => Self::Udp,
            IPPROTO_TCP => Self::Tcp,
            IPPROTO_SCTP => Self::Sctp,
            IPPROTO_HOP_BY_HOP => Self::HopByHop,
            IPPROTO_ROUTING | IPPROTO_DESTINATION => Self::Extension,
            _ => return None,
        })
    }

    #[inline(always)]
    const fn of_ethertype(ethertype: u16) -> Option<Self> {
        Some(match ethertype {
            ETHERTYPE_IPV4 => Self::Ipv4,
            ETHERTYPE_IPV6 => Self::Ipv6,
            ETHERTYPE_VLAN | ETHERTYPE_QINQ => Self::Vlan,
            ETHERTYPE_ETHERNET => Self::Ethernet,
            _ => return None,
        })
    }
}

/// What a header says.
struct Step {
    /// Its length in bytes.
    length: usize,
    /// What follows. `None` if that is payload.
    next: Option<Header>,
}

impl Step {
    /// Returns the step to a header that must be known.
    #[inline(always)]
    fn to(length: usize, next: Option<Header>) -> Option<Self> {
        next.map(|next| Self { length, next: Some(next) })
    }
}

/// Returns whether a packet of the protocol with this number may contain another.
#[inline(always)]
#[must_use]
pub const fn has_inner_headers(number: u8) -> bool {
    matches!(number, IPPROTO_IPV4 | IPPROTO_IPV6 | IPPROTO_GRE | IPPROTO_UDP)
}

/// Returns the length of the header of such a protocol, as far as [`super::parse`] understands it.
#[inline(always)]
#[must_use]
pub const fn transport_header(number: u8) -> usize {
    if number == IPPROTO_UDP { UDP_HEADER } else { 0 }
}

/// Follows the headers of a super-packet of `frame` bytes to the innermost payload, beginning at `offset` with the
/// header of the protocol with this number.
#[inline(always)]
pub fn inner_headers<P: Packet>(packet: &P, number: u8, mut offset: usize, frame: usize) -> Inner {
    let mut found = Inner { end: packet.obscured(0), jumbo_bytes: packet.obscured(0) };
    let Some(mut header) = Header::of_number(number) else { return found };
    let mut jumbo_bytes = packet.obscured(0);
    for _ in 0..MAX_HEADERS {
        if offset > OFFSET_MASK {
            break;
        }
        // This changes nothing. It gives the offset bounds that the verifier understands.
        offset &= OFFSET_MASK;
        if matches!(header, Header::Udp) {
            // What follows is payload, unless it turns out to be a tunnel.
            found = Inner { end: packet.obscured(offset + UDP_HEADER), jumbo_bytes };
        }
        if matches!(header, Header::HopByHop) {
            jumbo_bytes = packet.obscured(hop_by_hop_bytes(packet, offset));
        }
        let Some(step) = step(packet, header, offset, frame) else { break };
        offset = packet.obscured(offset + step.length);
        match step.next {
            Some(next) => header = next,
            None => return Inner { end: offset, jumbo_bytes },
        }
    }
    found
}

/// Returns what the header at `offset` says. Returns `None` if it is not such a header, or what follows is unknown.
#[inline(always)]
fn step<P: Packet>(packet: &P, header: Header, offset: usize, frame: usize) -> Option<Step> {
    match header {
        Header::Ethernet => {
            Step::to(ETHERNET_HEADER, Header::of_ethertype(be16(packet, offset + ETHERNET_HEADER - 2)?))
        }
        Header::Vlan => Step::to(4, Header::of_ethertype(be16(packet, offset + 2)?)),
        Header::Ipv4 => ipv4(packet, offset, frame),
        Header::Ipv6 => ipv6(packet, offset, frame),
        Header::HopByHop | Header::Extension => {
            let [next, length] = packet.load::<2>(offset)?;
            Step::to((usize::from(length) + 1) * 8, Header::of_number(next))
        }
        Header::Gre => gre(packet, offset),
        Header::Udp => udp(packet, offset),
        Header::Tcp => {
            let [words] = packet.load::<1>(offset + 12)?;
            let length = usize::from(words >> 4) * 4;
            (length >= TCP_HEADER).then_some(Step { length, next: None })
        }
        Header::Sctp => Some(Step { length: SCTP_HEADER, next: None }),
    }
}

#[inline(always)]
fn ipv4<P: Packet>(packet: &P, offset: usize, frame: usize) -> Option<Step> {
    let [version, _, high, low, _, _, fragment_high, fragment_low, _, number] = packet.load::<10>(offset)?;
    let length = usize::from(version & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([high, low]));
    let is_whole = u16::from_be_bytes([fragment_high, fragment_low]) & 0x3fff == 0;
    let is_valid =
        version >> 4 == 4 && length >= IPV4_HEADER && is_whole && ends_with_frame(offset, total, frame);
    if is_valid { Step::to(length, Header::of_number(number)) } else { None }
}

#[inline(always)]
fn ipv6<P: Packet>(packet: &P, offset: usize, frame: usize) -> Option<Step> {
    let [version, _, _, _, high, low, number, _] = packet.load::<8>(offset)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let is_valid = version >> 4 == 6 && ends_with_frame(offset + IPV6_HEADER, length, frame);
    if is_valid { Step::to(IPV6_HEADER, Header::of_number(number)) } else { None }
}

/// Returns whether a length that is counted from `offset` ends with the frame. Super-packets of more than 64 KiB have
/// the length 0.
#[inline(always)]
const fn ends_with_frame(offset: usize, length: usize, frame: usize) -> bool {
    length == 0 || offset + length == frame
}

/// A GRE header has four bytes for each of checksum, key and sequence number, if it has these.
#[inline(always)]
fn gre<P: Packet>(packet: &P, offset: usize) -> Option<Step> {
    let [flags, version, high, low] = packet.load::<4>(offset)?;
    if flags & 0x4f != 0 || version != 0 {
        return None;
    }
    let fields = usize::from(flags >> 7) + usize::from(flags >> 5 & 1) + usize::from(flags >> 4 & 1);
    Step::to(4 + 4 * fields, Header::of_ethertype(u16::from_be_bytes([high, low])))
}

/// Returns the step over a UDP header and a tunnel's header after it.
#[inline(always)]
fn udp<P: Packet>(packet: &P, offset: usize) -> Option<Step> {
    let bytes = packet.load::<TUNNEL_HEADER>(offset + UDP_HEADER)?;
    let (length, next) = match bytes {
        // VXLAN; with the group policy extension; with the generic protocol extension.
        [0x08, 0, 0, 0, .., 0] | [0x88, _, _, _, .., 0] => (0, Some(Header::Ethernet)),
        [0x0c, 0, 0, protocol, .., 0] => (0, gpe(protocol)),
        [version @ 0..=0x3f, flags, high, low, .., 0] if flags & 0x3f == 0 => {
            (usize::from(version) * 4, Header::of_ethertype(u16::from_be_bytes([high, low])))
        }
        _ => return None,
    };
    Step::to(UDP_HEADER + TUNNEL_HEADER + length, next)
}

/// Returns what VXLAN with the generic protocol extension contains (draft-ietf-nvo3-vxlan-gpe, 3.2).
#[inline(always)]
const fn gpe(protocol: u8) -> Option<Header> {
    Some(match protocol {
        1 => Header::Ipv4,
        2 => Header::Ipv6,
        3 => Header::Ethernet,
        _ => return None,
    })
}

#[inline(always)]
fn be16<P: Packet>(packet: &P, offset: usize) -> Option<u16> {
    packet.load(offset).map(u16::from_be_bytes)
}
