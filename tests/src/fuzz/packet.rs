//! Frames: what the eBPF programs parse, by the same functions.

use netmon_ebpf::{
    parse::{
        ETHERTYPE_IPV4, ETHERTYPE_IPV6, Network, Parsed, Visitor, addresses, has_inner_headers,
        inner_headers, link_layer, parse, plain_ipv4, plain_ipv6,
    },
    trace::{Bytes, Sequences, TRACE_TCP, Wanted, identify, network_header},
};

/// Returns what the parser passes to the visitor.
struct Copied;

impl Visitor for Copied {
    type Output = Parsed;

    fn visit(&self, parsed: &Parsed) -> Parsed {
        *parsed
    }
}

/// A frame as the programs of `netmon trace` read it.
struct Frame<'a>(&'a [u8]);

impl Frame<'_> {
    fn at<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }
}

impl Bytes for Frame<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn half(&self, at: usize) -> Option<u16> {
        self.at(at).map(u16::from_be_bytes)
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.at(at).map(u32::from_be_bytes)
    }

    fn long(&self, at: usize) -> Option<u64> {
        self.at(at).map(u64::from_be_bytes)
    }
}

/// Parses a frame in every way. The short way for plain packets and the long one agree, and no header that was found lies
/// outside the frame. Valid: a frame with a transport header, or a packet inside.
pub(super) fn read(frame: &[u8]) -> bool {
    trace(frame);
    let parsed = parse(&frame);
    let plain = match link_layer(&frame) {
        Ok((ETHERTYPE_IPV4, offset)) => plain_ipv4(&frame, offset, &Copied),
        Ok((ETHERTYPE_IPV6, offset)) => plain_ipv6(&frame, offset, &Copied),
        _ => None,
    };
    assert!(plain.is_none_or(|plain| plain == parsed), "{plain:?} and {parsed:?}");
    let has_packet_inside = has_inner_headers(parsed.number);
    if has_packet_inside {
        let inner = inner_headers(&frame, parsed.number, parsed.transport_offset, frame.len());
        assert!(inner.end <= frame.len() + parsed.transport_offset, "{inner:?}");
    }
    if parsed.stop.is_some() || parsed.network == Network::Other {
        return has_packet_inside;
    }
    assert!(addresses(&frame, parsed.network, parsed.network_offset).is_some(), "{parsed:?}");
    assert!(frame.len() >= parsed.transport_offset + 8, "{parsed:?}");
    true
}

fn trace(frame: &[u8]) {
    let packet = Frame(frame);
    let Some(network) = network_header(&packet, 0) else { return };
    assert!(network <= frame.len(), "a network header at {network} of {} bytes", frame.len());
    let ports = |at: usize| packet.half(network + at).unwrap_or_default().to_be();
    for traffic in [0, TRACE_TCP] {
        let wanted = Wanted { traffic, source_port: ports(20), target_port: ports(22), ..Wanted::default() };
        let _ = identify(&packet, network, &wanted, &mut Sequences::default());
    }
}
