//! Whether a packet belongs to the trace, by its bytes alone.
//!
//! It follows VLAN tags, IPv4 with options, IPv6 with a hop-by-hop header, and ICMP errors, which carry the packet that
//! they are about. Tunnels are not followed: their inner packets are not seen.

use super::{
    ANSWERED, ANSWERED_BY_ERROR, ANSWERED_BY_RESET, CLIENT_KNOWN, LEG_ANSWER, LEG_DATA, LEG_DATA_ANSWER,
    LEG_REQUEST, SERVER_KNOWN, Sequences, TRACE_ICMP, Wanted,
};
use crate::parse::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, IPV6_HEADER};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;
const HOP_BY_HOP: u8 = 0;
/// Length of an ICMP header, of an echo and of an error.
const ICMP_HEADER: usize = 8;
/// The flags of TCP that matter here (RFC 9293, 3.1).
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// The bytes of a packet, as numbers in network byte order. Arrays of bytes are not used: the compiler reads parts of
/// them that are not aligned, which the verifier refuses on the stack.
pub trait Bytes {
    /// Returns the byte at `at`. Returns `None` if it cannot be read.
    fn byte(&self, at: usize) -> Option<u8>;
    /// Returns the two bytes at `at`.
    fn half(&self, at: usize) -> Option<u16>;
    /// Returns the four bytes at `at`.
    fn word(&self, at: usize) -> Option<u32>;
    /// Returns the eight bytes at `at`.
    fn long(&self, at: usize) -> Option<u64>;
}

/// What a packet of the trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// [`LEG_REQUEST`] and the three that follow it.
    pub leg: u8,
    /// [`ANSWERED`], [`ANSWERED_BY_ERROR`] or [`ANSWERED_BY_RESET`].
    pub answer: u8,
    /// The run.
    pub run: u32,
}

/// An IP packet up to its transport header.
struct Ip {
    protocol: u8,
    /// Where the transport header begins.
    transport: usize,
    /// Bytes from there to the end. `None` if the header does not say, as for packets above 64 KiB.
    length: Option<usize>,
}

/// Returns where the network header of a frame begins, after up to two VLAN tags. `None` if it is not IP.
#[inline(always)]
pub fn network_header(packet: &impl Bytes, link: usize) -> Option<usize> {
    let mut at = link + 12;
    let mut kind = packet.half(at)?;
    let mut tags = 0;
    while tags < 2 && (kind == ETHERTYPE_VLAN || kind == ETHERTYPE_QINQ) {
        at += 4;
        tags += 1;
        kind = packet.half(at)?;
    }
    (kind == ETHERTYPE_IPV4 || kind == ETHERTYPE_IPV6).then_some(at + 2)
}

/// Returns what a packet is in the trace, whose network header begins at `network`. `None` if it is not part of it.
///
/// Learns the sequence numbers of the traced connection.
#[inline(always)]
pub fn identify(
    packet: &impl Bytes,
    network: usize,
    wanted: &Wanted,
    sequences: &mut Sequences,
) -> Option<Seen> {
    let ip = ip(packet, network)?;
    match ip.protocol {
        TCP if wanted.traffic != TRACE_ICMP => segment(packet, &ip, wanted, sequences),
        ICMP | ICMPV6 => icmp(packet, &ip, wanted, sequences),
        _ => None,
    }
}

#[inline(always)]
fn ip(packet: &impl Bytes, at: usize) -> Option<Ip> {
    let first = packet.long(at)?;
    match first >> 60 {
        4 => ipv4(packet, at, first),
        6 => ipv6(packet, at, first),
        _ => None,
    }
}

#[inline(always)]
fn ipv4(packet: &impl Bytes, at: usize, first: u64) -> Option<Ip> {
    // A later fragment has no transport header.
    if first & 0x1fff != 0 {
        return None;
    }
    let protocol = packet.byte(at + 9)?;
    let options = (first >> 56 & 0xf) as usize * 4;
    let total = (first >> 32 & 0xffff) as usize;
    let length = (total != 0).then(|| total.saturating_sub(options));
    Some(Ip { protocol, transport: at + options, length })
}

#[inline(always)]
fn ipv6(packet: &impl Bytes, at: usize, first: u64) -> Option<Ip> {
    let length = (first >> 16 & 0xffff) as usize;
    let protocol = (first >> 8) as u8;
    let transport = at + IPV6_HEADER;
    if protocol != HOP_BY_HOP {
        return Some(Ip { protocol, transport, length: (length != 0).then_some(length) });
    }
    // A packet above 64 KiB has its length here (RFC 2675), and is full of data in any case.
    let protocol = packet.byte(transport)?;
    let words = packet.byte(transport + 1)?;
    Some(Ip { protocol, transport: transport + (usize::from(words) + 1) * 8, length: None })
}

/// An echo of the trace, or an error about one of its packets.
#[inline(always)]
fn icmp(packet: &impl Bytes, ip: &Ip, wanted: &Wanted, sequences: &Sequences) -> Option<Seen> {
    let kind = packet.byte(ip.transport)?;
    let leg = match (ip.protocol, kind) {
        (ICMP, 8) | (ICMPV6, 128) => LEG_REQUEST,
        (ICMP, 0) | (ICMPV6, 129) => LEG_ANSWER,
        (ICMP, 3 | 5 | 11 | 12) | (ICMPV6, 1..=4) => {
            return about(packet, ip.transport + ICMP_HEADER, wanted, sequences);
        }
        _ => return None,
    };
    let run = echo(packet, ip.transport, wanted)?;
    Some(Seen { leg, answer: ANSWERED, run })
}

/// An error about a packet of the trace, whose own headers begin at `network`.
#[inline(always)]
fn about(packet: &impl Bytes, network: usize, wanted: &Wanted, sequences: &Sequences) -> Option<Seen> {
    let ip = ip(packet, network)?;
    let error = |run| Seen { leg: LEG_ANSWER, answer: ANSWERED_BY_ERROR, run };
    match ip.protocol {
        ICMP | ICMPV6 => echo(packet, ip.transport, wanted).map(error),
        TCP if wanted.traffic != TRACE_ICMP => {
            let sequence = packet.word(ip.transport + 4)?;
            let is_ours = sequences.known & CLIENT_KNOWN != 0 && sequence == sequences.client;
            is_ours.then(|| error(wanted.run))
        }
        _ => None,
    }
}

/// Returns the run of an echo, by its payload: NAT may replace its identifier.
#[inline(always)]
fn echo(packet: &impl Bytes, transport: usize, wanted: &Wanted) -> Option<u32> {
    if wanted.traffic != TRACE_ICMP {
        return None;
    }
    let payload = transport + ICMP_HEADER;
    if packet.long(payload)? != wanted.cookie[0] {
        return None;
    }
    let second = packet.long(payload + 8)?;
    let run = packet.word(payload + 16)?;
    (second == wanted.cookie[1]).then_some(run)
}

#[inline(always)]
fn segment(packet: &impl Bytes, ip: &Ip, wanted: &Wanted, sequences: &mut Sequences) -> Option<Seen> {
    let (first, second) = (packet.long(ip.transport)?, packet.long(ip.transport + 8)?);
    let (sequence, acknowledged, flags) = (first as u32, (second >> 32) as u32, (second >> 16) as u8);
    if flags & (SYN | ACK) == SYN && sequences.known == 0 {
        let ports = [(first >> 48) as u16, (first >> 32) as u16];
        if ports.map(u16::to_be) == [wanted.source_port, wanted.target_port] {
            *sequences = Sequences { client: sequence, server: 0, known: CLIENT_KNOWN };
        }
    }
    if sequences.known & CLIENT_KNOWN == 0 {
        return None;
    }
    let options = (second >> 28 & 0xf) as usize * 4;
    let has_data = ip.length.is_none_or(|length| length > options);
    let seen = |leg, answer| Some(Seen { leg, answer, run: wanted.run });
    let next = sequences.client.wrapping_add(1);
    match flags & (SYN | ACK | RST) {
        SYN if sequence == sequences.client => seen(LEG_REQUEST, ANSWERED),
        flags if flags == SYN | ACK && acknowledged == next => {
            sequences.server = sequence;
            sequences.known |= SERVER_KNOWN;
            seen(LEG_ANSWER, ANSWERED)
        }
        flags if flags & RST != 0 && acknowledged == next => seen(LEG_ANSWER, ANSWERED_BY_RESET),
        ACK if has_data && sequence == next => seen(LEG_DATA, ANSWERED),
        ACK if has_data && is_first_of_server(sequence, sequences) => seen(LEG_DATA_ANSWER, ANSWERED),
        _ => None,
    }
}

#[inline(always)]
fn is_first_of_server(sequence: u32, sequences: &Sequences) -> bool {
    sequences.known & SERVER_KNOWN != 0 && sequence == sequences.server.wrapping_add(1)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{vec, vec::Vec};

    use super::{super::TRACE_TCP, *};

    impl Bytes for &[u8] {
        fn byte(&self, at: usize) -> Option<u8> {
            self.get(at).copied()
        }

        fn half(&self, at: usize) -> Option<u16> {
            self.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
        }

        fn word(&self, at: usize) -> Option<u32> {
            self.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
        }

        fn long(&self, at: usize) -> Option<u64> {
            self.get(at..)?.first_chunk().copied().map(u64::from_be_bytes)
        }
    }

    const COOKIE: [u8; 16] = *b"sixteen bytes ok";

    fn cookie() -> [u64; 2] {
        let half = |at: usize| u64::from_be_bytes(COOKIE[at..at + 8].try_into().unwrap());
        [half(0), half(8)]
    }

    fn icmp_message(kind: u8, run: u32) -> Vec<u8> {
        [&[kind, 0, 0, 0, 1, 2, 3, 4][..], &COOKIE, &run.to_be_bytes()].concat()
    }

    fn ipv4_packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0x46, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol];
        header.resize(24, 1);
        let total = u16::try_from(header.len() + payload.len()).unwrap();
        header[2..4].copy_from_slice(&total.to_be_bytes());
        [&header, payload].concat()
    }

    fn ipv6_packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut header = vec![0x60, 0, 0, 0, length[0], length[1], protocol, 64];
        header.resize(40, 1);
        [&header, payload].concat()
    }

    fn of_echo(packet: &[u8]) -> Option<Seen> {
        let wanted = Wanted { cookie: cookie(), traffic: TRACE_ICMP, ..Wanted::default() };
        identify(&packet, 0, &wanted, &mut Sequences::default())
    }

    #[test]
    fn an_echo_is_known_by_its_payload_whatever_its_addresses_and_identifier_are() {
        let seen = |leg| Some(Seen { leg, answer: ANSWERED, run: 7 });
        assert_eq!(of_echo(&ipv4_packet(ICMP, &icmp_message(8, 7))), seen(LEG_REQUEST));
        assert_eq!(of_echo(&ipv4_packet(ICMP, &icmp_message(0, 7))), seen(LEG_ANSWER));
        assert_eq!(of_echo(&ipv6_packet(ICMPV6, &icmp_message(128, 7))), seen(LEG_REQUEST));
        assert_eq!(of_echo(&ipv6_packet(ICMPV6, &icmp_message(129, 7))), seen(LEG_ANSWER));
        let mut other = icmp_message(8, 7);
        other[20] ^= 1;
        assert_eq!(of_echo(&ipv4_packet(ICMP, &other)), None);
    }

    #[test]
    fn an_error_is_known_by_the_packet_inside_it() {
        let inner = ipv4_packet(ICMP, &icmp_message(8, 3));
        let error = [&[3, 1, 0, 0, 0, 0, 0, 0][..], &inner].concat();
        let seen = of_echo(&ipv4_packet(ICMP, &error));
        assert_eq!(seen, Some(Seen { leg: LEG_ANSWER, answer: ANSWERED_BY_ERROR, run: 3 }));
        assert_eq!(of_echo(&ipv4_packet(ICMP, &error[..20])), None, "too short to tell");
    }

    fn tcp(sequence: u32, acknowledged: u32, flags: u8, data: &[u8]) -> Vec<u8> {
        let mut header = vec![0x9c, 0x40, 0, 80];
        header.extend(sequence.to_be_bytes());
        header.extend(acknowledged.to_be_bytes());
        header.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
        ipv4_packet(TCP, &[&header, data].concat())
    }

    #[test]
    fn a_connection_is_followed_by_its_sequence_numbers() {
        let wanted = Wanted {
            traffic: TRACE_TCP,
            source_port: 0x9c40_u16.to_be(),
            target_port: 80_u16.to_be(),
            run: 2,
            ..Wanted::default()
        };
        let mut sequences = Sequences::default();
        let mut leg = |packet: Vec<u8>| {
            identify(&packet.as_slice(), 0, &wanted, &mut sequences).map(|seen| (seen.leg, seen.answer))
        };
        assert_eq!(leg(tcp(99, 0, ACK, b"x")), None, "before the SYN");
        assert_eq!(leg(tcp(u32::MAX, 0, SYN, b"")), Some((LEG_REQUEST, ANSWERED)));
        assert_eq!(leg(tcp(5, 0, SYN, b"")), None, "another connection");
        assert_eq!(leg(tcp(500, 0, SYN | ACK, b"")), Some((LEG_ANSWER, ANSWERED)));
        assert_eq!(leg(tcp(0, 501, ACK, b"")), None, "no data");
        assert_eq!(leg(tcp(0, 501, ACK | 8, b"GET /")), Some((LEG_DATA, ANSWERED)));
        assert_eq!(leg(tcp(501, 5, ACK, b"")), None, "no data");
        assert_eq!(leg(tcp(501, 5, ACK, b"HTTP")), Some((LEG_DATA_ANSWER, ANSWERED)));
        assert_eq!(leg(tcp(0, 0, RST | ACK, b"")), Some((LEG_ANSWER, ANSWERED_BY_RESET)));
    }

    #[test]
    fn tags_are_skipped_and_what_is_not_ip_is_nothing() {
        let frame = |kinds: &[u16]| {
            let mut bytes = vec![0; 12];
            kinds.iter().for_each(|kind| bytes.extend([kind.to_be_bytes(), [0, 1]].concat()));
            bytes
        };
        assert_eq!(network_header(&frame(&[ETHERTYPE_IPV4]).as_slice(), 0), Some(14));
        let tagged = frame(&[ETHERTYPE_QINQ, ETHERTYPE_VLAN, ETHERTYPE_IPV6]);
        assert_eq!(network_header(&tagged.as_slice(), 0), Some(22));
        assert_eq!(network_header(&frame(&[0x0806]).as_slice(), 0), None);
    }
}
