//! A million malformed frames. Parsing, and what reads further after it, must neither panic nor read beyond the frame.

use netmon_ebpf::{
    Protocol,
    endpoint::{RoundTrip, TcpEvent, Unsure},
    flow::TcpFlow,
    parse::{
        ETHERTYPE_IPV4, ETHERTYPE_IPV6, Network, Packet, Parsed, Visitor, addresses, has_inner_headers,
        inner_headers, link_layer, parse, plain_ipv4, plain_ipv6,
    },
    tcp::{Findings, Payload, Segment},
};

use crate::tunnels::super_packets;
use crate::{
    atomics::Atomics,
    numbers::Numbers,
    packets::{
        ARP, DOT1AD, DOT1Q, IPV4, IPV6, Ipv4, Ipv6, Tcp, authentication, dns_query, echo, ethernet, fragment,
        number, options, sctp, tagged, udp,
    },
};

/// Fewer frames under Miri, which is slower by orders of magnitude.
const FRAMES: u32 = if cfg!(miri) { 5_000 } else { 1_000_000 };

fn seeds() -> Vec<Vec<u8>> {
    let (four, six) = (Ipv4::default(), Ipv6::default());
    let tcp = Tcp::default().segment(&[7; 30]);
    vec![
        ethernet(ARP, &[0; 28]),
        four.frame(number::TCP, &tcp),
        Ipv4 { options: vec![1; 12], ..four.clone() }.frame(number::UDP, &udp(9, 53, &dns_query(3))),
        Ipv4 { fragment: 0x2005, ..four.clone() }.frame(number::ICMP, &echo(8, 1, 2)),
        four.frame(number::SCTP, &sctp(1, 2)),
        six.frame(number::ICMPV6, &echo(128, 1, 2)),
        six.clone()
            .with(number::HOP_BY_HOP, options(2))
            .with(number::AUTHENTICATION, authentication(4))
            .with(number::FRAGMENT, fragment(0, true))
            .with(number::DESTINATION, options(30))
            .frame(number::TCP, &tcp),
        tagged(&[DOT1AD, DOT1Q], IPV6, &six.packet(number::TCP, &tcp)),
        tagged(&[DOT1Q], IPV4, &four.packet(number::UDP, &udp(53, 9, &dns_query(3)))),
    ]
    .into_iter()
    .chain(super_packets(b"payload").into_iter().map(|packet| packet.frame))
    .collect()
}

/// Writes random bytes, or a frame with a few bytes changed and its end cut off.
fn frame(numbers: &mut Numbers, seeds: &[Vec<u8>], into: &mut Vec<u8>) {
    into.clear();
    if numbers.below(8) == 0 {
        let length = numbers.below(200);
        into.extend((0..length).map(|_| numbers.next() as u8));
        return;
    }
    into.extend(&seeds[numbers.below(seeds.len())]);
    for _ in 0..numbers.below(6) {
        let place = numbers.below(into.len());
        into[place] = numbers.next() as u8;
    }
    if numbers.below(3) == 0 {
        into.truncate(numbers.below(into.len() + 1));
    }
}

/// Counts findings, so that the compiler cannot remove them.
#[derive(Default)]
struct Counted(u64);

impl Findings for Counted {
    fn round_trip(&mut self, kind: RoundTrip, _: u64) {
        self.0 += 1 + kind as u64;
    }

    fn event(&mut self, event: TcpEvent) {
        self.0 += 1 + event as u64;
    }

    fn out_of_order(&mut self, hook: usize, _: u32, _: u32) {
        self.0 += 1 + hook as u64;
    }

    fn unsure(&mut self, reason: Unsure) {
        self.0 += 1 + reason as u64;
    }
}

/// The beginning of every payload.
struct Text(u64);

impl Payload for Text {
    fn word(&self, _: u32) -> u64 {
        self.0
    }
}

/// Returns what the parser passes to the visitor.
struct Copied;

impl Visitor for Copied {
    type Output = Parsed;

    fn visit(&self, parsed: &Parsed) -> Parsed {
        *parsed
    }
}

/// Does what the programs do with a frame after parsing.
fn follow(frame: &[u8], now_ns: u64, flow: &mut TcpFlow, found: &mut Counted) {
    let parsed = parse(&frame);
    let plain = match link_layer(&frame) {
        Ok((ETHERTYPE_IPV4, offset)) => plain_ipv4(&frame, offset, &Copied),
        Ok((ETHERTYPE_IPV6, offset)) => plain_ipv6(&frame, offset, &Copied),
        _ => None,
    };
    assert!(plain.is_none_or(|plain| plain == parsed), "{frame:?}");
    assert!(parsed.network_offset <= parsed.transport_offset || parsed.transport_offset == 0);
    if has_inner_headers(parsed.number) {
        found.0 += inner_headers(&frame, parsed.number, parsed.transport_offset, frame.len()).end as u64;
    }
    if parsed.stop.is_some() {
        return;
    }
    if parsed.network != Network::Other {
        assert!(addresses(&frame, parsed.network, parsed.network_offset).is_some(), "{frame:?}");
        assert!(frame.len() >= parsed.transport_offset + 8, "{parsed:?}");
    }
    if parsed.protocol != Protocol::Tcp {
        return;
    }
    let Some([_, _, _, _, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, w0, w1]) =
        frame.load::<16>(parsed.transport_offset)
    else {
        panic!("the parser promised a TCP header: {parsed:?}");
    };
    let end = if parsed.end == 0 { frame.len() } else { parsed.end.min(frame.len()) };
    let segment = Segment {
        hook: (now_ns & 1) as usize,
        now_ns,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
        payload: end.saturating_sub(parsed.header_bytes) as u32,
        frame: frame.len() as u32,
        segments: 1,
    };
    if flow.is_replaced_by(&segment, Atomics) {
        *flow = TcpFlow::new(&segment);
    }
    flow.observe(&segment, &Text(now_ns), Atomics, found);
}

#[test]
fn no_frame_makes_the_parser_panic_or_promise_missing_bytes() {
    let (mut numbers, seeds) = (Numbers(0x9e37_79b9_7f4a_7c15), seeds());
    let (mut flow, mut found) = (TcpFlow::default(), Counted::default());
    let mut bytes = Vec::new();
    for now_ns in 1..=u64::from(FRAMES) {
        frame(&mut numbers, &seeds, &mut bytes);
        follow(&bytes, now_ns, &mut flow, &mut found);
    }
    // Half of the frames reach a transport header. A run that finds nothing has tested nothing.
    assert!(found.0 > u64::from(FRAMES) / 100, "{}", found.0);
}
