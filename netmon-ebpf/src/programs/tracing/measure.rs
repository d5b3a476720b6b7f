//! Parses and counts a packet at a tracepoint, as [`crate::programs::measure`] does at a hook.

use aya_ebpf::programs::BtfTracePointContext;
use netmon_ebpf::{
    Protocol,
    abi::{ParseStop, Stage},
    parse::{
        ETHERNET_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Parsed, Visitor, ethertype, parse,
        plain_ipv4, plain_ipv6,
    },
};

use super::{Passing, traced};
use crate::programs::{
    headers::Headers,
    kernel::{Copied, Skb},
    maps,
    wire::{Wire, count},
};

/// What continues with a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Next {
    Nothing,
    Tcp,
    Echo,
    Dns,
    SuperBytes,
}

/// Parses and counts a packet, and continues with the program that follows its conversation, if it is part of one.
#[inline(always)]
pub(super) fn measure<const HOOK: usize>(ctx: &BtfTracePointContext, passing: Passing) {
    let Passing { skb, local, watched, now_ns } = passing;
    skb.copy_headers::<HOOK>(&mut local.copied);
    let frame = Copied::of(&local.copied);
    let measure = Measure::<HOOK> {
        skb,
        endpoint: watched.endpoint,
        length: local.copied.frame,
        now_ns,
        found: &raw mut local.found,
    };
    let next = match ethertype(&frame) {
        Some(ETHERTYPE_IPV4) => plain_ipv4(&frame, ETHERNET_HEADER, &measure),
        Some(ETHERTYPE_IPV6) => plain_ipv6(&frame, ETHERNET_HEADER, &measure),
        Some(ETHERTYPE_ARP) => Some(measure.visit(&Parsed::arp(ETHERNET_HEADER))),
        _ => None,
    };
    let next = next.unwrap_or_else(|| any::<HOOK>(&frame, &measure));
    match next {
        Next::Nothing => {}
        Next::Tcp => traced::tail_call::<HOOK, { Stage::Tcp as usize }>(ctx),
        Next::Echo => traced::tail_call::<HOOK, { Stage::Echo as usize }>(ctx),
        Next::Dns => traced::tail_call::<HOOK, { Stage::Dns as usize }>(ctx),
        Next::SuperBytes => traced::tail_call::<HOOK, { Stage::SuperBytes as usize }>(ctx),
    }
}

/// Measures a packet that is not plain.
#[inline(always)]
fn any<const HOOK: usize>(frame: &Copied<'_>, measure: &Measure<HOOK>) -> Next {
    let parsed = parse(frame);
    let Some(segments) = measure.count(&parsed) else { return Next::Nothing };
    // Its segments may have other headers than those that are parsed here.
    if segments > 1 && matches!(parsed.stop, None | Some(ParseStop::UnknownTransport)) {
        return measure.leave(&parsed, Next::SuperBytes);
    }
    measure.follow(&parsed)
}

/// What is done with a packet after parsing.
struct Measure<const HOOK: usize> {
    skb: Skb,
    endpoint: u32,
    length: u32,
    now_ns: u64,
    found: *mut Headers,
}

impl<const HOOK: usize> Measure<HOOK> {
    /// Counts the packet. Returns the number of its segments; `None` if the endpoint is unknown.
    #[inline(always)]
    fn count(&self, parsed: &Parsed) -> Option<u32> {
        let Some(counters) = maps::counters(self.endpoint) else {
            maps::count_stop(ParseStop::UnknownEndpoint);
            return None;
        };
        if let Some(stop) = parsed.stop {
            maps::count_stop(stop);
        }
        let skb = self.skb;
        let wire = Wire::new(self.length, parsed.header_bytes as u32, skb.gso_size(), || skb.gso_segs());
        count::<HOOK>(counters, parsed.protocol, self.length, wire);
        Some(wire.segments)
    }

    /// Returns what follows the conversation of the packet.
    #[inline(always)]
    fn follow(&self, parsed: &Parsed) -> Next {
        if super::counts_only() || !maps::flows() || parsed.stop.is_some() {
            return Next::Nothing;
        }
        match parsed.protocol {
            Protocol::Tcp => self.leave(parsed, Next::Tcp),
            Protocol::Icmp | Protocol::Icmpv6 => self.leave(parsed, Next::Echo),
            Protocol::Udp if parsed.is_dns => self.leave(parsed, Next::Dns),
            _ => Next::Nothing,
        }
    }

    /// Leaves what was found out to the next program.
    #[inline(always)]
    fn leave(&self, parsed: &Parsed, next: Next) -> Next {
        let found = Headers::new(parsed, self.now_ns, self.length).with_number(parsed);
        // SAFETY: this CPU's part of a map, which no other program uses meanwhile.
        unsafe { self.found.write(found) };
        next
    }
}

impl<const HOOK: usize> Visitor for Measure<HOOK> {
    type Output = Next;

    #[inline(always)]
    fn visit(&self, parsed: &Parsed) -> Next {
        let Some(segments) = self.count(parsed) else { return Next::Nothing };
        // Of the plain packets, only UDP can be a tunnel.
        let is_udp = matches!(parsed.protocol, Protocol::Udp) && parsed.stop.is_none() && !parsed.is_dns;
        if is_udp && segments > 1 { self.leave(parsed, Next::SuperBytes) } else { self.follow(parsed) }
    }
}
