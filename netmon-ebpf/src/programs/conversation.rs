//! Round trips: what a packet means for the conversation that it belongs to.
//!
//! One look-up for ICMP echo, TCP and DNS; nothing for the rest.

use aya_ebpf::bindings::BPF_ANY;
use aya_log_ebpf::debug;
use netmon_ebpf::{
    abi::{EGRESS, Exit, INGRESS},
    endpoint::{RCODES, RoundTrip, TcpEvent},
    epoch::answer_slot,
    flow::{FlowKey, TcpFlow},
    parse::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, Packet, Parsed, UDP_HEADER, addresses},
    protocol::Protocol,
    tcp::{Findings, Segment},
};

use super::{
    Passing,
    maps::{self, REQUESTS, TCP_FLOWS},
    record,
};

/// A request that is answered later than this is unanswered.
const ANSWER_TIMEOUT_NS: u64 = 5_000_000_000;
const DNS_PORT: u16 = 53_u16.to_be();

/// Follows the conversation that a packet belongs to.
#[inline(always)]
pub(super) fn follow<const HOOK: usize, P: Packet>(passing: &Passing<'_>, packet: &P, parsed: &Parsed) {
    match parsed.protocol {
        Protocol::Tcp => tcp::<HOOK, P>(passing, packet, parsed),
        Protocol::Udp => udp::<HOOK, P>(passing, packet, parsed),
        Protocol::Icmp => echo::<HOOK, P>(passing, packet, parsed, IPPROTO_ICMP, 8, 0),
        Protocol::Icmpv6 => echo::<HOOK, P>(passing, packet, parsed, IPPROTO_ICMPV6, 128, 129),
        Protocol::Arp | Protocol::Sctp | Protocol::Other => {}
    }
}

/// The key of a conversation, seen from the endpoint. `ports` are source and destination.
#[inline(always)]
fn key<const HOOK: usize, P: Packet>(
    passing: &Passing<'_>,
    packet: &P,
    parsed: &Parsed,
    ports: (u16, u16),
    protocol: u8,
) -> Option<FlowKey> {
    let (source, destination) = addresses(packet, parsed)?;
    let (local, remote, local_port, remote_port) = if HOOK == EGRESS {
        (source, destination, ports.0, ports.1)
    } else {
        (destination, source, ports.1, ports.0)
    };
    Some(FlowKey {
        local,
        remote,
        endpoint: passing.endpoint,
        local_port,
        remote_port,
        id: 0,
        protocol,
        request_hook: 0,
    })
}

const fn other(hook: usize) -> usize {
    if hook == EGRESS { INGRESS } else { EGRESS }
}

#[inline(always)]
fn echo<const HOOK: usize, P: Packet>(
    passing: &Passing<'_>,
    packet: &P,
    parsed: &Parsed,
    protocol: u8,
    request: u8,
    reply: u8,
) {
    let Some([kind, _, _, _, id_high, id_low, seq_high, seq_low]) = packet.load::<8>(parsed.transport_offset)
    else {
        return;
    };
    if kind != request && kind != reply {
        return;
    }
    // Identifier and sequence number stand where ports would, on the same side for both directions.
    let id = u16::from_ne_bytes([id_high, id_low]);
    let seq = u16::from_ne_bytes([seq_high, seq_low]);
    let ports = if HOOK == EGRESS { (id, seq) } else { (seq, id) };
    let Some(mut key) = key::<HOOK, P>(passing, packet, parsed, ports, protocol) else {
        return;
    };
    if kind == request {
        key.request_hook = HOOK as u8;
        requested(&key, passing);
        if let Some(round_trips) = maps::round_trips(passing.endpoint) {
            let count = &mut round_trips.echo_requests[answer_slot(passing.now_ns)];
            *count = count.wrapping_add(1);
        }
        return;
    }
    key.request_hook = other(HOOK) as u8;
    let Some(request_ns) = answered(&key) else {
        return;
    };
    let age_ns = passing.now_ns.wrapping_sub(request_ns);
    if age_ns > ANSWER_TIMEOUT_NS {
        return;
    }
    if let Some(round_trips) = maps::round_trips(passing.endpoint) {
        record(&mut round_trips.histograms[RoundTrip::IcmpEcho as usize], age_ns);
        let count = &mut round_trips.echo_answered[answer_slot(request_ns)];
        *count = count.wrapping_add(1);
    }
}

#[inline(always)]
fn udp<const HOOK: usize, P: Packet>(passing: &Passing<'_>, packet: &P, parsed: &Parsed) {
    let Some([s0, s1, d0, d1]) = packet.load::<4>(parsed.transport_offset) else {
        return;
    };
    let ports = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    if ports.0 != DNS_PORT && ports.1 != DNS_PORT {
        return;
    }
    // Identifier and flags (RFC 1035, 4.1.1).
    let Some([id0, id1, flags, rcode]) = packet.load::<4>(parsed.transport_offset + UDP_HEADER) else {
        return;
    };
    let is_response = flags & 0x80 != 0;
    if (is_response && ports.0 != DNS_PORT) || (!is_response && ports.1 != DNS_PORT) {
        return;
    }
    let Some(mut key) = key::<HOOK, P>(passing, packet, parsed, ports, IPPROTO_UDP) else {
        return;
    };
    key.id = u16::from_ne_bytes([id0, id1]);
    if !is_response {
        key.request_hook = HOOK as u8;
        requested(&key, passing);
        return;
    }
    key.request_hook = other(HOOK) as u8;
    let Some(request_ns) = answered(&key) else {
        return;
    };
    if let Some(round_trips) = maps::round_trips(passing.endpoint) {
        record(&mut round_trips.histograms[RoundTrip::Dns as usize], passing.now_ns.wrapping_sub(request_ns));
        round_trips.dns_rcodes[usize::from(rcode) & (RCODES - 1)] += 1;
    }
}

/// Remembers when a request passed.
#[inline(always)]
fn requested(key: &FlowKey, passing: &Passing<'_>) {
    if REQUESTS.insert(key, passing.now_ns, u64::from(BPF_ANY)).is_err() {
        maps::count_exit(Exit::FlowRefused);
    }
}

/// When the request passed that is answered now; it is forgotten, so that a second answer finds nothing.
#[inline(always)]
fn answered(key: &FlowKey) -> Option<u64> {
    // SAFETY: a u64 that is written once, when the entry is made.
    let request_ns = REQUESTS.get_ptr(key).map(|request| unsafe { *request })?;
    // Of two answers on two CPUs one deletes the entry, and that one counts.
    REQUESTS.remove(key).ok().map(|()| request_ns)
}

#[inline(always)]
fn tcp<const HOOK: usize, P: Packet>(passing: &Passing<'_>, packet: &P, parsed: &Parsed) {
    let Some(header) = packet.load::<16>(parsed.transport_offset) else {
        return;
    };
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, ..] = header;
    let ports = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    // Behind the end of the IP packet there may be padding; a super-packet may not say where it ends.
    let end = if parsed.end == 0 { passing.frame } else { parsed.end as u32 };
    let segment = Segment {
        hook: HOOK,
        now_ns: passing.now_ns,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        payload: end.saturating_sub(parsed.header_bytes as u32),
        frame: passing.frame,
        segments: passing.segments,
    };
    let Some(key) = key::<HOOK, P>(passing, packet, parsed, ports, IPPROTO_TCP) else {
        return;
    };
    let mut findings = ToMaps { passing };
    if let Some(flow) = TCP_FLOWS.get_ptr_mut(&key) {
        // SAFETY: a map value. Both directions may write it at once, on two CPUs: a sample can get lost
        // that way, but every field is written as a whole and every use of one is checked.
        let flow: &mut TcpFlow = unsafe { &mut *flow };
        if flow.is_replaced_by(&segment) {
            *flow = TcpFlow::new(&segment);
        }
        flow.observe(&segment, &mut findings);
    } else if segment.deserves_entry() {
        let mut flow = TcpFlow::new(&segment);
        flow.observe(&segment, &mut findings);
        if TCP_FLOWS.insert(&key, flow, u64::from(BPF_ANY)).is_err() {
            maps::count_exit(Exit::FlowRefused);
        }
    }
}

/// Findings that go to the maps of the endpoint.
struct ToMaps<'a, 'b> {
    passing: &'a Passing<'b>,
}

impl Findings for ToMaps<'_, '_> {
    #[inline(always)]
    fn round_trip(&mut self, kind: RoundTrip, ns: u64) {
        // Two CPUs may write the state at once: what looks like a time before the beginning is no sample.
        if ns > u64::MAX / 2 {
            return;
        }
        if let Some(round_trips) = maps::round_trips(self.passing.endpoint) {
            record(&mut round_trips.histograms[kind as usize], ns);
        }
    }

    #[inline(always)]
    fn event(&mut self, event: TcpEvent) {
        if let Some(round_trips) = maps::round_trips(self.passing.endpoint) {
            round_trips.tcp_events[event as usize] += 1;
        }
        debug!(
            self.passing.ctx,
            "endpoint {}: tcp connection, event {}", self.passing.endpoint, event as u32
        );
    }

    #[inline(always)]
    fn retransmits(&mut self, hook: usize, segments: u32) {
        let Some(round_trips) = maps::round_trips(self.passing.endpoint) else {
            return;
        };
        if hook == EGRESS {
            round_trips.tcp_retransmits[EGRESS] += u64::from(segments);
        } else {
            round_trips.tcp_retransmits[INGRESS] += u64::from(segments);
        }
    }
}
