//! How the headers inside a tunnel are found.

use netmon_ebpf::parse::{Inner, Parsed, has_inner_headers, inner_headers, parse, transport_header};

use crate::{
    packets::{IPV6, Ipv4, Ipv6, ethernet, number, udp},
    tunnels::{ETHERNET, big_tcp, geneve, gre, super_packets, vxlan},
};

/// Follows the headers of a frame as the programs do.
fn inner(frame: &[u8]) -> Inner {
    let parsed: Parsed = parse(&frame);
    assert!(has_inner_headers(parsed.number), "{parsed:?}");
    inner_headers(&frame, parsed.number, parsed.transport_offset, frame.len())
}

#[test]
fn the_headers_of_every_tunnel_end_where_the_innermost_payload_begins() {
    let all = super_packets(&[7; 2400]);
    assert_eq!(all.len(), 4 * 13);
    for packet in all {
        let parsed = parse(&packet.frame.as_slice());
        let counted = parsed.transport_offset + transport_header(parsed.number);
        assert_eq!((parsed.header_bytes, counted), (packet.outer_headers, counted), "{}", packet.what);
        assert_eq!(inner(&packet.frame), Inner { end: packet.headers, jumbo_bytes: 0 }, "{}", packet.what);
    }
}

#[test]
fn the_jumbo_header_of_a_packet_in_a_tunnel_is_found() {
    let packet = big_tcp(&[7; 2400]);
    for frame in [
        Ipv4::default().frame(number::UDP, &udp(1, 8472, &vxlan(0x08, 0, &ethernet(IPV6, &packet)))),
        Ipv6::default().frame(number::GRE, &gre(0, IPV6, &packet)),
    ] {
        assert_eq!(inner(&frame), Inner { end: frame.len() - 2400, jumbo_bytes: 8 });
    }
}

#[test]
fn datagrams_in_a_tunnel_end_after_their_own_header() {
    let datagram = Ipv4::default().frame(number::UDP, &udp(50_000, 443, &[0x41; 2400]));
    let frame = Ipv4::default().frame(number::UDP, &udp(1, 6081, &geneve(0, ETHERNET, &datagram)));
    assert_eq!(inner(&frame), Inner { end: 14 + 20 + 8 + 8 + 42, jumbo_bytes: 0 });
}

#[test]
fn a_datagram_that_only_resembles_a_tunnel_is_payload() {
    let outer = |payload: &[u8]| Ipv4::default().frame(number::UDP, &udp(1, 4789, payload));
    let inside = Ipv4::default().frame(number::TCP, &[0x50; 100]);
    let whole = outer(&vxlan(0x08, 0, &inside));
    assert!(inner(&whole).end > 42);
    let payload = Inner { end: 42, jumbo_bytes: 0 };
    // Other flags, an inner packet that does not end with the frame, an inner ethertype that is not IP, no room.
    assert_eq!(inner(&outer(&vxlan(0x18, 0, &inside))), payload);
    assert_eq!(inner(&outer(&[vxlan(0x08, 0, &inside), vec![0]].concat())), payload);
    assert_eq!(inner(&outer(&vxlan(0x08, 0, &ethernet(0x88cc, &inside)))), payload);
    assert_eq!(inner(&outer(&[0x08, 0, 0, 0])), payload);
    // QUIC, RTP, zeros.
    for first in [0x40, 0xc3, 0x80, 0] {
        assert_eq!(inner(&outer(&[&[first][..], &[0; 1200]].concat())), payload, "{first:#x}");
    }
}

#[test]
fn a_tunnel_with_contents_that_are_not_understood_has_no_inner_headers() {
    let nothing = Inner::default();
    // Routing and sequences of PPTP (GRE version 1), ERSPAN, an encrypted packet.
    assert_eq!(inner(&Ipv4::default().frame(number::GRE, &[0x30, 0x81, 0x88, 0x0b, 0, 0, 0, 0])), nothing);
    assert_eq!(inner(&Ipv4::default().frame(number::GRE, &gre(0, 0x88be, &[0; 50]))), nothing);
    let encrypted = Ipv6::default().packet(number::ESP, &[1; 50]);
    assert_eq!(inner(&Ipv4::default().frame(number::IPV6, &encrypted)), nothing);
    // More headers than are followed.
    let nested = (0..12).fold(vec![0x50; 40], |inside, _| Ipv4::default().packet(number::IPIP, &inside));
    assert_eq!(inner(&Ipv4::default().frame(number::IPIP, &nested)), nothing);
}
