//! How frames are parsed, kind by kind.

use netmon_ebpf::{
    Protocol,
    abi::ParseStop,
    parse::{Network, Packet, Parsed, addresses, jumbo_bytes, parse},
};

use crate::packets::{
    ARP, DOT1AD, DOT1Q, IPV4, IPV6, Ipv4, Ipv6, Tcp, arp, authentication, dns_query, echo, ethernet,
    fragment, number, options, sctp, tagged, udp,
};
use crate::tunnels::{big_tcp, jumbo};

fn parsed(frame: &[u8]) -> Parsed {
    parse(&frame)
}

/// Parses a frame, and asserts that parsing did not stop early.
fn understood(frame: &[u8]) -> Parsed {
    let parsed = parsed(frame);
    assert_eq!(parsed.stop, None, "{parsed:?}");
    parsed
}

fn stopped(frame: &[u8]) -> (Protocol, ParseStop) {
    let parsed = parsed(frame);
    (parsed.protocol, parsed.stop.unwrap_or_else(|| panic!("understood: {parsed:?}")))
}

fn some_udp() -> Vec<u8> {
    udp(5000, 6000, b"payload")
}

#[test]
fn a_udp_datagram_over_ipv4_is_found_at_its_offset() {
    let frame = Ipv4::default().frame(number::UDP, &some_udp());
    let parsed = understood(&frame);
    assert_eq!((parsed.protocol, parsed.network), (Protocol::Udp, Network::Ipv4));
    assert_eq!((parsed.network_offset, parsed.transport_offset, parsed.header_bytes), (14, 34, 42));
    assert_eq!(parsed.end, frame.len());
    assert!(!parsed.is_dns);
}

#[test]
fn padding_after_a_short_packet_is_not_part_of_it() {
    let mut frame = Ipv4::default().frame(number::UDP, &udp(1, 2, b"x"));
    let end = frame.len();
    frame.resize(60, 0);
    assert_eq!(understood(&frame).end, end);
}

#[test]
fn options_of_ipv4_move_the_transport_header() {
    for words in 1..=10 {
        let ip = Ipv4 { options: vec![1; 4 * words], ..Ipv4::default() };
        let parsed = understood(&ip.frame(number::UDP, &some_udp()));
        assert_eq!(parsed.transport_offset, 34 + 4 * words);
    }
}

#[test]
fn the_first_fragment_has_a_transport_header_and_the_later_ones_have_none() {
    let first = Ipv4 { fragment: 0x2000, ..Ipv4::default() };
    assert_eq!(understood(&first.frame(number::UDP, &some_udp())).protocol, Protocol::Udp);
    for fragment in [0x2001, 0x00b9, 0x1fff] {
        let later = Ipv4 { fragment, ..Ipv4::default() };
        let outcome = stopped(&later.frame(number::UDP, &some_udp()));
        assert_eq!(outcome, (Protocol::Udp, ParseStop::LaterFragment));
    }
    // "Don't fragment" is not an offset.
    let whole = Ipv4 { fragment: 0x4000, ..Ipv4::default() };
    assert_eq!(understood(&whole.frame(number::TCP, &Tcp::default().segment(b""))).protocol, Protocol::Tcp);
}

#[test]
fn the_first_fragment_over_ipv6_has_a_transport_header_and_the_later_ones_have_none() {
    let of = |offset, more| Ipv6::default().with(number::FRAGMENT, fragment(offset, more));
    let first = understood(&of(0, true).frame(number::UDP, &some_udp()));
    assert_eq!((first.protocol, first.transport_offset), (Protocol::Udp, 14 + 40 + 8));
    for (offset, more) in [(1, true), (181, true), (8191, false)] {
        let outcome = stopped(&of(offset, more).frame(number::ICMPV6, &echo(128, 1, 1)));
        assert_eq!(outcome, (Protocol::Icmpv6, ParseStop::LaterFragment));
    }
}

#[test]
fn every_extension_header_of_ipv6_is_skipped() {
    for (kind, bytes) in [
        (number::HOP_BY_HOP, options(0)),
        (number::HOP_BY_HOP, options(3)),
        (number::ROUTING, options(2)),
        (number::FRAGMENT, fragment(0, false)),
        (number::AUTHENTICATION, authentication(3)),
        (number::AUTHENTICATION, authentication(0)),
        (number::DESTINATION, options(1)),
    ] {
        let length = bytes.len();
        let frame = Ipv6::default().with(kind, bytes).frame(number::TCP, &Tcp::default().segment(b"data"));
        let parsed = understood(&frame);
        assert_eq!((parsed.protocol, parsed.transport_offset), (Protocol::Tcp, 54 + length), "{kind}");
        assert_eq!((parsed.header_bytes, parsed.end), (54 + length + 32, frame.len()));
    }
}

/// All extension headers, in the order that RFC 8200, 4.1 recommends.
fn all_extensions() -> Ipv6 {
    Ipv6::default()
        .with(number::HOP_BY_HOP, options(0))
        .with(number::DESTINATION, options(0))
        .with(number::ROUTING, options(0))
        .with(number::FRAGMENT, fragment(0, true))
        .with(number::AUTHENTICATION, authentication(1))
        .with(number::DESTINATION, options(0))
}

#[test]
fn a_chain_of_all_extension_headers_leads_to_the_transport_header() {
    let parsed = understood(&all_extensions().frame(number::UDP, &some_udp()));
    assert_eq!((parsed.protocol, parsed.transport_offset), (Protocol::Udp, 54 + 5 * 8 + 16));
}

#[test]
fn a_chain_that_is_longer_than_any_valid_one_is_not_followed_to_its_end() {
    let frame = all_extensions().with(number::DESTINATION, options(0)).frame(number::UDP, &some_udp());
    assert_eq!(stopped(&frame), (Protocol::Other, ParseStop::Ipv6Extensions));
}

#[test]
fn an_extension_header_of_two_kilobytes_is_not_followed() {
    let ip = Ipv6::default().with(number::DESTINATION, options(255));
    let outcome = stopped(&ip.frame(number::UDP, &some_udp()));
    assert_eq!(outcome, (Protocol::Other, ParseStop::Ipv6Extensions));
    // The longest that are followed, and as many as are followed.
    let longest = (0..6).fold(Ipv6::default(), |ip, _| ip.with(number::DESTINATION, options(31)));
    assert_eq!(understood(&longest.frame(number::UDP, &some_udp())).transport_offset, 54 + 6 * 256);
}

#[test]
fn a_packet_without_next_header_and_an_encrypted_one_are_counted_as_other() {
    for next in [number::NO_NEXT, number::ESP, 200] {
        assert_eq!(
            stopped(&Ipv6::default().frame(next, &[0; 20])),
            (Protocol::Other, ParseStop::UnknownTransport)
        );
        assert_eq!(
            stopped(&Ipv4::default().frame(next, &[0; 20])),
            (Protocol::Other, ParseStop::UnknownTransport)
        );
    }
}

/// A frame whose outermost tag the kernel has taken out.
struct TagBeside<'a>(&'a [u8]);

impl Packet for TagBeside<'_> {
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.load(offset)
    }

    fn has_tag_beside(&self) -> bool {
        true
    }
}

#[test]
fn up_to_three_vlan_tags_are_skipped_and_one_beside_the_frame_is_one_of_them() {
    let packet = Ipv4::default().packet(number::UDP, &some_udp());
    let tags = [DOT1AD, DOT1Q, DOT1Q, DOT1Q];
    for count in 0..=4 {
        let (protocol, stop) =
            if count <= 3 { (Protocol::Udp, None) } else { (Protocol::Other, Some(ParseStop::VlanDepth)) };
        let whole = parsed(&tagged(&tags[..count], IPV4, &packet));
        assert_eq!((whole.protocol, whole.stop), (protocol, stop), "{count} tags in the frame");
        if count == 0 {
            continue;
        }
        let rest = tagged(&tags[1..count], IPV4, &packet);
        let arrived = parse(&TagBeside(&rest));
        assert_eq!((arrived.protocol, arrived.stop), (protocol, stop), "{count} tags, one beside the frame");
        let offset = |parsed: Parsed| (parsed.network_offset, parsed.transport_offset);
        let there = if count <= 3 { (10 + 4 * count, 30 + 4 * count) } else { (0, 0) };
        assert_eq!(offset(arrived), there, "{count} tags");
    }
    assert_eq!(understood(&tagged(&[DOT1AD, DOT1Q], ARP, &[0; 28])).protocol, Protocol::Arp);
    let six = Ipv6::default().packet(number::ICMPV6, &echo(128, 1, 1));
    assert_eq!(understood(&tagged(&[DOT1AD, DOT1Q], IPV6, &six)).transport_offset, 22 + 40);
}

#[test]
fn each_protocol_is_recognized_by_its_number() {
    let ip = Ipv4::default();
    let tcp = Tcp::default().segment(b"");
    for (frame, protocol) in [
        (arp(), Protocol::Arp),
        (ip.frame(number::ICMP, &echo(8, 1, 1)), Protocol::Icmp),
        (Ipv6::default().frame(number::ICMPV6, &echo(128, 1, 1)), Protocol::Icmpv6),
        (ip.frame(number::TCP, &tcp), Protocol::Tcp),
        (ip.frame(number::UDP, &some_udp()), Protocol::Udp),
        (ip.frame(number::SCTP, &sctp(1, 2)), Protocol::Sctp),
        (Ipv6::default().frame(number::SCTP, &sctp(1, 2)), Protocol::Sctp),
    ] {
        assert_eq!(understood(&frame).protocol, protocol);
    }
}

#[test]
fn an_unknown_ethertype_and_an_802_3_length_are_counted_as_other() {
    for ethertype in [0x88cc, 0x8847, 0x9100, 0x0026, 0] {
        let outcome = stopped(&ethernet(ethertype, &[0; 46]));
        assert_eq!(outcome, (Protocol::Other, ParseStop::UnknownEthertype));
    }
}

#[test]
fn dns_is_udp_from_or_to_its_port() {
    let is_dns = |source, destination| {
        understood(&Ipv4::default().frame(number::UDP, &udp(source, destination, &dns_query(1)))).is_dns
    };
    assert!(is_dns(40_000, 53) && is_dns(53, 40_000) && is_dns(53, 53));
    // 13568 is 53 with its bytes swapped.
    assert!(!is_dns(40_000, 5353) && !is_dns(13_568, 80));
}

#[test]
fn headers_that_contradict_themselves_are_malformed() {
    for version in [0x44, 0x40, 0x65, 0x05] {
        let ip = Ipv4 { version: Some(version), ..Ipv4::default() };
        let outcome = stopped(&ip.frame(number::UDP, &some_udp()));
        assert_eq!(outcome, (Protocol::Other, ParseStop::Ipv4Malformed), "{version:#x}");
    }
    let mut frame = Ipv6::default().frame(number::UDP, &some_udp());
    frame[14] = 0x45;
    assert_eq!(stopped(&frame), (Protocol::Other, ParseStop::Ipv6Malformed));
    for words in 0..5 {
        let tcp = Tcp { data_offset: Some(words), ..Tcp::default() };
        let outcome = stopped(&Ipv4::default().frame(number::TCP, &tcp.segment(b"data")));
        assert_eq!(outcome, (Protocol::Tcp, ParseStop::TcpMalformed), "{words}");
    }
}

#[test]
fn a_packet_whose_header_has_no_length_has_no_end() {
    let big = Ipv4 { total: Some(0), ..Ipv4::default() };
    assert_eq!(understood(&big.frame(number::UDP, &some_udp())).end, 0);
    // A jumbogram (RFC 2675): the payload length is zero, and a hop-by-hop option contains the real one.
    let parsed = understood(&ethernet(IPV6, &big_tcp(&[0; 1000])));
    assert_eq!((parsed.protocol, parsed.end), (Protocol::Tcp, 0));
}

#[test]
fn the_header_that_is_cut_out_of_a_super_packet_is_the_one_with_the_jumbo_option_alone() {
    let bytes = |frame: &[u8]| {
        let parsed = understood(frame);
        jumbo_bytes(&frame, parsed.network, parsed.network_offset)
    };
    let with = |options| {
        let ip = Ipv6::default().with(number::HOP_BY_HOP, options);
        bytes(&ip.frame(number::TCP, &Tcp::default().segment(b"data")))
    };
    let big = big_tcp(&[0; 1000]);
    assert_eq!(bytes(&ethernet(IPV6, &big)), 8);
    assert_eq!(bytes(&tagged(&[DOT1AD, DOT1Q], IPV6, &big)), 8);
    assert_eq!(bytes(&Ipv6::default().frame(number::TCP, &Tcp::default().segment(b"data"))), 0);
    assert_eq!(with(options(0)), 0);
    // A router alert, and the jumbo option among others.
    let mut alert = options(0);
    alert[2..6].copy_from_slice(&[5, 2, 0, 0]);
    assert_eq!(with(alert), 0);
    let mut among_others = options(1);
    among_others[2..4].copy_from_slice(&[0xc2, 4]);
    assert_eq!(with(among_others), 0);
    // The same bytes in another header, and with UDP.
    let destination = Ipv6::default().with(number::DESTINATION, jumbo(1000));
    assert_eq!(bytes(&destination.frame(number::TCP, &Tcp::default().segment(b"data"))), 0);
    let datagram = Ipv6::default().with(number::HOP_BY_HOP, jumbo(1000));
    assert_eq!(bytes(&datagram.frame(number::UDP, &some_udp())), 0);
}

#[test]
fn a_packet_that_is_ip_by_its_ethertype_has_an_ip_header_even_if_it_is_not_understood() {
    let truncated = Ipv4::default().frame(number::UDP, &some_udp())[..20].to_vec();
    let long = all_extensions().with(number::DESTINATION, options(0)).frame(number::UDP, &some_udp());
    let malformed = Ipv4 { version: Some(0x44), ..Ipv4::default() }.frame(number::UDP, &some_udp());
    for (frame, network) in [(truncated, Network::Ipv4), (long, Network::Ipv6), (malformed, Network::Ipv4)] {
        let parsed = parsed(&frame);
        assert!(parsed.stop.is_some());
        assert_eq!((parsed.network, parsed.network_offset), (network, 14), "{parsed:?}");
    }
}

#[test]
fn addresses_of_ipv4_are_those_of_the_header_mapped_into_ipv6() {
    let frame = Ipv4::default().frame(number::UDP, &some_udp());
    let (source, destination) = addresses(&frame.as_slice(), Network::Ipv4, 14).unwrap();
    assert_eq!(source, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 200, 0, 2]);
    assert_eq!(destination[12..], [10, 200, 0, 3]);
    let ip = Ipv6::default();
    let frame = ip.frame(number::UDP, &some_udp());
    assert_eq!(addresses(&frame.as_slice(), Network::Ipv6, 14), Some((ip.source, ip.destination)));
    assert_eq!(addresses(&frame.as_slice(), Network::Other, 14), None);
}

/// Returns a frame of each kind whose headers can be truncated.
fn one_of_each() -> Vec<Vec<u8>> {
    let four = Ipv4 { options: vec![1; 8], ..Ipv4::default() };
    let packet = Ipv4::default().packet(number::TCP, &Tcp::default().segment(b""));
    vec![
        arp(),
        four.frame(number::UDP, &udp(1, 2, b"")),
        four.frame(number::SCTP, &sctp(1, 2)),
        Ipv4::default().frame(number::ICMP, &echo(8, 1, 1)),
        Ipv6::default().frame(number::TCP, &Tcp::default().segment(b"")),
        all_extensions().frame(number::UDP, &udp(1, 2, b"")),
        tagged(&[DOT1AD, DOT1Q], IPV4, &packet),
    ]
}

#[test]
fn a_runt_of_any_length_stops_where_it_ends_and_asks_for_more_bytes() {
    for frame in one_of_each() {
        let whole = understood(&frame);
        for length in 0..frame.len().min(whole.header_bytes + 20) {
            let parsed = parsed(&frame[..length]);
            // ARP is not read beyond its ethertype, and a TCP header not beyond its first 20 bytes.
            let needed = match whole.protocol {
                Protocol::Arp => 14,
                Protocol::Tcp => whole.transport_offset + 20,
                _ => whole.header_bytes,
            };
            if length >= needed {
                assert_eq!(parsed.stop, None, "{length} of {frame:?}");
                assert_eq!(parsed.protocol, whole.protocol);
            } else {
                assert!(parsed.wants_more_bytes(), "{length} of {frame:?}: {parsed:?}");
            }
        }
    }
}
