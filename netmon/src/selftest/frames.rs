//! Frames of every kind, byte by byte, each with what netmon must count of it.
//!
//! Their addresses belong to no host, so that no kernel answers. Checksums of the transport layer are zero: the hooks
//! do not check them.

/// A kind of frame.
#[derive(Clone, Debug)]
pub(super) struct FrameKind {
    pub(super) what: &'static str,
    pub(super) frame: Vec<u8>,
    /// The protocol that it counts as.
    pub(super) protocol: &'static str,
    /// How many of the two hooks stop parsing it early.
    pub(super) exits: u64,
    /// Whether it gets a departure stamp: only IPv4 and IPv6 do, by the outermost ethertype.
    pub(super) stamped: bool,
    /// Whether it is an echo request, which stays unanswered.
    pub(super) is_request: bool,
    /// Bytes that the kernel removes before the ingress hook: the outermost VLAN tag.
    pub(super) stripped_bytes: u64,
}

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const TAG: [u8; 4] = [0x81, 0x00, 0, 100];
const OUTER_TAG: [u8; 4] = [0x88, 0xa8, 0, 100];
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const DESTINATION_OPTIONS: u8 = 60;
const SCTP: u8 = 132;
/// The flag "more fragments".
const MORE: u16 = 0x2000;

/// All kinds.
pub(super) fn kinds() -> Vec<FrameKind> {
    let datagram = udp(&[1; 22]);
    let four = |options: &[u8], fragment, protocol, payload: &[u8]| {
        ethernet(&[], IPV4, &ipv4(options, fragment, protocol, payload))
    };
    let six = |extensions: &[(u8, &[u8])], protocol, payload: &[u8]| {
        ethernet(&[], IPV6, &ipv6(extensions, protocol, payload))
    };
    let tagged = |tags: &[[u8; 4]]| ethernet(tags, IPV4, &ipv4(&[], 0, UDP, &datagram));
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.resize(28, 0);
    let later = [0, 0, 0, 9 << 3, 0, 0, 0, 9];
    vec![
        FrameKind::ip("udp over ipv4", "udp", four(&[], 0, UDP, &datagram)),
        FrameKind::ip("udp over ipv6", "udp", six(&[], UDP, &datagram)),
        FrameKind::ip("ipv4 with options", "udp", four(&[1; 40], 0, UDP, &datagram)),
        FrameKind::ip(
            "ipv6 with extension headers",
            "udp",
            six(&[(0, &[0; 8]), (DESTINATION_OPTIONS, &[0; 8])], UDP, &datagram),
        ),
        FrameKind::ip("first fragment, ipv4", "udp", four(&[], MORE, UDP, &datagram)),
        FrameKind::ip("later fragment, ipv4", "udp", four(&[], MORE | 16, UDP, &datagram)).stops_early(),
        FrameKind::ip("later fragment, ipv6", "udp", six(&[(FRAGMENT, &later)], UDP, &datagram))
            .stops_early(),
        FrameKind::ip("tcp over ipv4", "tcp", four(&[], 0, TCP, &tcp(&[7; 100]))),
        FrameKind::ip("icmp echo request", "icmp", four(&[], 0, ICMP, &echo(8))).request(),
        FrameKind::ip("icmpv6 echo request", "icmpv6", six(&[], ICMPV6, &echo(128))).request(),
        FrameKind::ip("icmpv6 neighbour solicitation", "icmpv6", six(&[], ICMPV6, &echo(135))),
        FrameKind::ip("sctp", "sctp", four(&[], 0, SCTP, &[0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 4])),
        FrameKind::other("arp", "arp", ethernet(&[], ARP, &arp)),
        // Frames whose outermost ethertype is not IP get no stamp.
        FrameKind::other("802.1q", "udp", tagged(&[TAG])).tagged(),
        FrameKind::other("qinq", "udp", tagged(&[OUTER_TAG, TAG])).tagged(),
        FrameKind::other("unknown ethertype", "other", ethernet(&[], 0x88cc, &[2; 40])).stops_early(),
        FrameKind::ip("runt", "udp", four(&[], 0, UDP, &datagram)[..38].to_vec()).stops_early(),
    ]
}

impl FrameKind {
    fn other(what: &'static str, protocol: &'static str, frame: Vec<u8>) -> Self {
        Self { what, frame, protocol, exits: 0, stamped: false, is_request: false, stripped_bytes: 0 }
    }

    fn ip(what: &'static str, protocol: &'static str, frame: Vec<u8>) -> Self {
        Self { stamped: true, ..Self::other(what, protocol, frame) }
    }

    /// Both hooks stop parsing it early.
    fn stops_early(self) -> Self {
        Self { exits: 2, ..self }
    }

    fn request(self) -> Self {
        Self { is_request: true, ..self }
    }

    fn tagged(self) -> Self {
        Self { stripped_bytes: 4, ..self }
    }

    /// Returns the frame, with `number` as the sequence number if it is an echo request, so that each request is unique.
    pub(super) fn numbered(&self, number: u16) -> Vec<u8> {
        let mut frame = self.frame.clone();
        if self.is_request {
            // The last two of the eight bytes of the ICMP header; the message is 64 bytes long.
            let at = frame.len() - 64 + 6;
            frame[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        frame
    }
}

fn ethernet(tags: &[[u8; 4]], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(tags.iter().flatten());
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An IPv4 packet between documentation addresses (RFC 5737), with a valid header checksum.
fn ipv4(options: &[u8], fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut packet = vec![0x40 | (header / 4) as u8, 0];
    packet.extend(((header + payload.len()) as u16).to_be_bytes());
    packet.extend([0, 7]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend(options);
    let words = packet.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// An IPv6 packet between documentation addresses (RFC 3849). An extension is its number and its bytes, of which the
/// first is overwritten with the number of the next header.
fn ipv6(extensions: &[(u8, &[u8])], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length: usize = extensions.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + payload.len();
    let mut numbers = extensions.iter().map(|&(number, _)| number).chain([protocol]);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((length as u16).to_be_bytes());
    packet.extend(numbers.next());
    packet.push(64);
    for last in [1, 2] {
        packet.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    for ((_, bytes), next) in extensions.iter().zip(numbers) {
        packet.push(next);
        packet.extend(&bytes[1..]);
    }
    packet.extend(payload);
    packet
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x13, 0x88, 0x17, 0x70];
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// A data segment of a connection whose handshake was not seen.
fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0x20, 0, 0, 0, 0, 0];
    segment.extend(payload);
    segment
}

/// A message of 64 bytes with the header of an echo.
fn echo(kind: u8) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0x6e, 0x6d, 0, 0];
    message.resize(64, 0xab);
    message
}

#[cfg(test)]
mod tests {
    use netmon_ebpf::parse::parse;

    use super::*;

    #[test]
    fn the_parser_of_the_programs_agrees_with_each_kind() {
        for kind in kinds() {
            let parsed = parse(&kind.frame.as_slice());
            assert_eq!(parsed.protocol.label(), kind.protocol, "{}", kind.what);
            assert_eq!(parsed.stop.is_some(), kind.exits > 0, "{}", kind.what);
        }
    }

    #[test]
    fn only_an_echo_request_is_numbered() {
        for kind in kinds() {
            let differs = kind.numbered(0x1234) != kind.numbered(0x4321);
            assert_eq!(differs, kind.is_request, "{}", kind.what);
            assert_eq!(kind.numbered(7).len(), kind.frame.len());
        }
    }
}
