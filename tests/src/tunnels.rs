//! Super-packets in tunnels, as the kernel makes them: the headers of all that contain one another, and one payload.

use crate::packets::{DOT1AD, DOT1Q, IPV4, IPV6, Ipv4, Ipv6, Tcp, number, options, tagged, udp};

/// Ethernet in a protocol that names its contents by ethertype.
pub const ETHERNET: u16 = 0x6558;

/// A super-packet.
#[derive(Clone, Debug)]
pub struct Tunnelled {
    /// Which tunnel, and what is in it.
    pub what: String,
    /// The frame.
    pub frame: Vec<u8>,
    /// Length of everything in front of the innermost payload.
    pub headers: usize,
    /// Length of the headers that the outer packet has by itself, up to and including UDP.
    pub outer_headers: usize,
}

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Four,
    Six,
}

impl Version {
    const BOTH: [Self; 2] = [Self::Four, Self::Six];

    const fn ethertype(self) -> u16 {
        match self {
            Self::Four => IPV4,
            Self::Six => IPV6,
        }
    }

    /// The number of this version as the contents of another IP packet.
    const fn number(self) -> u8 {
        match self {
            Self::Four => number::IPIP,
            Self::Six => number::IPV6,
        }
    }

    fn packet(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Four => Ipv4::default().packet(protocol, payload),
            Self::Six => Ipv6::default().packet(protocol, payload),
        }
    }
}

/// A VXLAN header (RFC 7348, 5) with these flags, and what follows it.
#[must_use]
pub fn vxlan(flags: u8, protocol: u8, inside: &[u8]) -> Vec<u8> {
    [&[flags, 0, 0, protocol, 0, 0, 7, 0], inside].concat()
}

/// A Geneve header (RFC 8926, 3.4) with so many words of options, and what follows it.
#[must_use]
pub fn geneve(words: u8, ethertype: u16, inside: &[u8]) -> Vec<u8> {
    let [high, low] = ethertype.to_be_bytes();
    [&[words, 0, high, low, 0, 0, 7, 0], &vec![0xee; 4 * usize::from(words)][..], inside].concat()
}

/// A GRE header (RFC 2784, RFC 2890) with these flags, and what follows it.
#[must_use]
pub fn gre(flags: u8, ethertype: u16, inside: &[u8]) -> Vec<u8> {
    let [high, low] = ethertype.to_be_bytes();
    let fields = [0x80, 0x20, 0x10].iter().filter(|bit| flags & **bit != 0).count();
    [&[flags, 0, high, low], &vec![0; 4 * fields][..], inside].concat()
}

/// Every tunnel that is looked into, with each version of IP outside and inside, around `payload`.
#[must_use]
pub fn super_packets(payload: &[u8]) -> Vec<Tunnelled> {
    let versions = Version::BOTH.into_iter().flat_map(|outer| Version::BOTH.map(|inner| (outer, inner)));
    versions.flat_map(|(outer, inner)| between(outer, inner, payload)).collect()
}

fn between(outer: Version, inner: Version, payload: &[u8]) -> Vec<Tunnelled> {
    let packet = inner.packet(number::TCP, &Tcp::default().segment(payload));
    let frame = |tags: &[u16]| tagged(tags, inner.ethertype(), &packet);
    let plain = frame(&[]);
    // IP in IP in GRE in IP.
    let nested = gre(0, outer.ethertype(), &outer.packet(inner.number(), &packet));
    let in_udp =
        |what, inside: &[u8]| tunnelled(what, (outer, inner), number::UDP, &udp(40_000, 4789, inside));
    let in_ip = |what, number, inside: &[u8]| tunnelled(what, (outer, inner), number, inside);
    let kinds = [
        in_udp("vxlan", &vxlan(0x08, 0, &plain)),
        in_udp("vxlan, vlan", &vxlan(0x08, 0, &frame(&[DOT1Q]))),
        in_udp("vxlan, qinq", &vxlan(0x08, 0, &frame(&[DOT1AD, DOT1Q]))),
        in_udp("vxlan-gbp", &vxlan(0x88, 9, &plain)),
        in_udp("vxlan-gpe", &vxlan(0x0c, 3, &plain)),
        in_udp("geneve", &geneve(0, ETHERNET, &plain)),
        in_udp("geneve with options", &geneve(8, ETHERNET, &plain)),
        in_udp("geneve of ip", &geneve(2, inner.ethertype(), &packet)),
        in_ip("ip", inner.number(), &packet),
        in_ip("gre", number::GRE, &gre(0, inner.ethertype(), &packet)),
        in_ip("gre with checksum and key", number::GRE, &gre(0xa0, inner.ethertype(), &packet)),
        in_ip("gretap", number::GRE, &gre(0x20, ETHERNET, &frame(&[DOT1Q]))),
        in_ip("ip in gre", number::GRE, &nested),
    ];
    kinds.into_iter().map(|tunnelled| tunnelled.with_payload(payload)).collect()
}

fn tunnelled(what: &str, (outer, inner): (Version, Version), number: u8, contents: &[u8]) -> Tunnelled {
    let packet = outer.packet(number, contents);
    let outer_headers = 14 + packet.len() - contents.len() + if number == number::UDP { 8 } else { 0 };
    let frame = tagged(&[], outer.ethertype(), &packet);
    Tunnelled {
        what: format!("{inner:?} in {what} in {outer:?}"),
        headers: frame.len(),
        frame,
        outer_headers,
    }
}

impl Tunnelled {
    fn with_payload(self, payload: &[u8]) -> Self {
        Self { headers: self.frame.len() - payload.len(), ..self }
    }
}

/// A hop-by-hop header with the jumbo payload option (RFC 2675, 2) for so many bytes.
#[must_use]
pub fn jumbo(bytes: u32) -> Vec<u8> {
    let mut header = options(0);
    header[2..4].copy_from_slice(&[0xc2, 4]);
    header[4..8].copy_from_slice(&bytes.to_be_bytes());
    header
}

/// A BIG TCP packet over IPv6.
#[must_use]
pub fn big_tcp(payload: &[u8]) -> Vec<u8> {
    let segment = Tcp::default().segment(payload);
    let ip = Ipv6::default().with(number::HOP_BY_HOP, jumbo(segment.len() as u32 + 8));
    Ipv6 { length: Some(0), ..ip }.packet(number::TCP, &segment)
}
