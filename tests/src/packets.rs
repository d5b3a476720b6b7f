//! Frames built layer by layer, right or wrong in exactly the field that a test is about.
//!
//! Each layer wraps the bytes of the layer above it. Lengths and the IPv4 checksum are right unless a test sets them;
//! checksums of the transport layer are zero, because nothing under test reads them.

/// Ethertype of IPv4.
pub const IPV4: u16 = 0x0800;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Ethertype of ARP.
pub const ARP: u16 = 0x0806;
/// Ethertype of an 802.1Q tag.
pub const DOT1Q: u16 = 0x8100;
/// Ethertype of an 802.1ad tag.
pub const DOT1AD: u16 = 0x88a8;

/// IP protocol numbers (IANA).
pub mod number {
    #![expect(missing_docs, reason = "names of the registry")]
    pub const HOP_BY_HOP: u8 = 0;
    pub const ICMP: u8 = 1;
    pub const IPIP: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const AUTHENTICATION: u8 = 51;
    pub const ICMPV6: u8 = 58;
    pub const NO_NEXT: u8 = 59;
    pub const DESTINATION: u8 = 60;
    pub const SCTP: u8 = 132;
}

/// TCP flags (RFC 9293, 3.1).
pub mod flag {
    #![expect(missing_docs, reason = "names of the standard")]
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
}

/// A frame between two fictitious hosts.
#[must_use]
pub fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    tagged(&[], ethertype, payload)
}

/// A frame with VLAN tags, outermost first, each given as the ethertype that announces it.
#[must_use]
pub fn tagged(tags: &[u16], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend(100_u16.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An ARP request (RFC 826).
#[must_use]
pub fn arp() -> Vec<u8> {
    let mut payload = vec![0, 1, 8, 0, 6, 4, 0, 1];
    payload.resize(28, 0);
    ethernet(ARP, &payload)
}

/// An IPv4 header.
#[derive(Clone, Debug)]
pub struct Ipv4 {
    /// Source address.
    pub source: [u8; 4],
    /// Destination address.
    pub destination: [u8; 4],
    /// Options, a multiple of four bytes.
    pub options: Vec<u8>,
    /// Flags and fragment offset: 0x2000 is "more fragments".
    pub fragment: u16,
    /// Total length, if it is to be wrong.
    pub total: Option<u16>,
    /// Version and header length, if they are to be wrong.
    pub version: Option<u8>,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self {
            source: [10, 200, 0, 2],
            destination: [10, 200, 0, 3],
            options: Vec::new(),
            fragment: 0,
            total: None,
            version: None,
        }
    }
}

impl Ipv4 {
    /// The header of the opposite direction.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { source: self.destination, destination: self.source, ..self.clone() }
    }

    /// The packet around `payload`.
    #[must_use]
    pub fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let total = self.total.unwrap_or((header + payload.len()) as u16);
        let mut packet = vec![self.version.unwrap_or(0x40 | (header / 4) as u8), 0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 7]);
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend(self.source);
        packet.extend(self.destination);
        packet.extend(&self.options);
        let checksum = checksum(&packet);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend(payload);
        packet
    }

    /// The frame around `payload`.
    #[must_use]
    pub fn frame(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        ethernet(IPV4, &self.packet(protocol, payload))
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IPv6 header with its extensions.
#[derive(Clone, Debug)]
pub struct Ipv6 {
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// Extension headers: the number of each, and its bytes; the first byte, "next header", is filled in.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// Payload length, if it is to be wrong.
    pub length: Option<u16>,
}

impl Default for Ipv6 {
    fn default() -> Self {
        let mut source = [0; 16];
        (source[0], source[3], source[15]) = (0xfd, 0xc8, 2);
        let mut destination = source;
        destination[15] = 3;
        Self { source, destination, extensions: Vec::new(), length: None }
    }
}

impl Ipv6 {
    /// The header of the opposite direction.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { source: self.destination, destination: self.source, ..self.clone() }
    }

    /// Adds an extension header.
    #[must_use]
    pub fn with(mut self, number: u8, bytes: Vec<u8>) -> Self {
        self.extensions.push((number, bytes));
        self
    }

    /// The packet around `payload`.
    #[must_use]
    pub fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let extensions: usize = self.extensions.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut numbers: Vec<u8> = self.extensions.iter().map(|&(number, _)| number).collect();
        numbers.push(protocol);
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(self.length.unwrap_or((extensions + payload.len()) as u16).to_be_bytes());
        packet.extend([numbers[0], 64]);
        packet.extend(self.source);
        packet.extend(self.destination);
        for ((_, bytes), next) in self.extensions.iter().zip(&numbers[1..]) {
            packet.push(*next);
            packet.extend(&bytes[1..]);
        }
        packet.extend(payload);
        packet
    }

    /// The frame around `payload`.
    #[must_use]
    pub fn frame(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        ethernet(IPV6, &self.packet(protocol, payload))
    }
}

/// An extension header of `units` times eight bytes beyond the first eight (RFC 8200, 4.3 to 4.6).
#[must_use]
pub fn options(units: u8) -> Vec<u8> {
    let mut bytes = vec![0; (usize::from(units) + 1) * 8];
    bytes[1] = units;
    bytes
}

/// A fragment header (RFC 8200, 4.5): offset in units of eight bytes, and whether more fragments follow.
#[must_use]
pub fn fragment(offset: u16, more: bool) -> Vec<u8> {
    let word = (offset << 3 | u16::from(more)).to_be_bytes();
    vec![0, 0, word[0], word[1], 0, 0, 0, 9]
}

/// An authentication header with `words` of integrity check value (RFC 4302, 2).
#[must_use]
pub fn authentication(words: u8) -> Vec<u8> {
    let mut bytes = vec![0; 12 + 4 * usize::from(words)];
    bytes[1] = words + 1;
    bytes
}

/// A UDP datagram.
#[must_use]
pub fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::from(source.to_be_bytes());
    datagram.extend(destination.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// An echo message: types 8 and 0 in ICMP, 128 and 129 in ICMPv6.
#[must_use]
pub fn echo(kind: u8, id: u16, sequence: u16) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.extend(id.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.resize(64, 0xab);
    message
}

/// A DNS query for a name (RFC 1035, 4.1).
#[must_use]
pub fn dns_query(id: u16) -> Vec<u8> {
    dns(id, 0x0100)
}

/// The response to it.
#[must_use]
pub fn dns_response(id: u16, rcode: u8) -> Vec<u8> {
    dns(id, 0x8180 | u16::from(rcode))
}

fn dns(id: u16, flags: u16) -> Vec<u8> {
    let mut message = Vec::from(id.to_be_bytes());
    message.extend(flags.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(b"\x03www\x07example\x00\x00\x01\x00\x01");
    message
}

/// An SCTP packet with the header of a heartbeat chunk only (RFC 9260, 3).
#[must_use]
pub fn sctp(source: u16, destination: u16) -> Vec<u8> {
    let mut packet = Vec::from(source.to_be_bytes());
    packet.extend(destination.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 4]);
    packet
}

/// A TCP header.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledged: u32,
    /// Flags.
    pub flags: u8,
    /// Options, a multiple of four bytes.
    pub options: Vec<u8>,
    /// Data offset in words, if it is to be wrong.
    pub data_offset: Option<u8>,
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            source: 40_000,
            destination: 80,
            sequence: 1,
            acknowledged: 1,
            flags: flag::ACK,
            // Timestamps, as on almost every segment.
            options: vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1],
            data_offset: None,
        }
    }
}

impl Tcp {
    /// The segment around `payload`.
    #[must_use]
    pub fn segment(&self, payload: &[u8]) -> Vec<u8> {
        let words = self.data_offset.unwrap_or((20 + self.options.len()) as u8 / 4);
        let mut segment = Vec::from(self.source.to_be_bytes());
        segment.extend(self.destination.to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend(self.acknowledged.to_be_bytes());
        segment.extend([words << 4, self.flags, 0x20, 0, 0, 0, 0, 0]);
        segment.extend(&self.options);
        segment.extend(payload);
        segment
    }
}
