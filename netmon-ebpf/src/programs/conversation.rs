//! Round trips: what a packet means for the conversation that it belongs to.
//!
//! One look-up for ICMP echo, TCP and DNS; nothing for the rest. Each is a program of its own.

use aya_ebpf::{bindings::BPF_ANY, programs::TcContext};
use aya_log_ebpf::debug;
use netmon_ebpf::{
    abi::{EGRESS, Exit, INGRESS, Stage},
    endpoint::{RCODES, RoundTrip, TcpEvent},
    epoch::{ANSWER_TIMEOUT_NS, answer_slot},
    flow::{FlowKey, TcpFlow},
    parse::{
        DNS_PORT, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, Network, UDP_HEADER, addresses,
    },
    tcp::{Findings, Segment},
};

use super::{
    Frame,
    headers::Headers,
    maps::{self, REQUESTS, TCP_FLOWS, element},
    record,
};

/// A packet that is part of a conversation.
struct Passing<F> {
    frame: F,
    endpoint: u32,
    headers: Headers,
}

impl<'a, F: Frame<'a>> Passing<F> {
    #[inline(always)]
    fn of(ctx: &'a TcContext) -> Self {
        let (endpoint, headers) = Headers::take_up(ctx);
        Self { frame: F::of(ctx), endpoint, headers }
    }

    /// `N` bytes from `offset` on behind the beginning of the transport header.
    #[inline(always)]
    fn transport<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.frame.load(self.headers.transport_offset + offset)
    }

    /// The key of the conversation, seen from the endpoint. `ports` are source and destination.
    #[inline(always)]
    fn key<const HOOK: usize>(&self, ports: (u16, u16), protocol: u8) -> Option<FlowKey> {
        let (source, destination) =
            addresses(&self.frame, self.headers.network, self.headers.network_offset)?;
        let (local, remote, local_port, remote_port) = if HOOK == EGRESS {
            (source, destination, ports.0, ports.1)
        } else {
            (destination, source, ports.1, ports.0)
        };
        Some(FlowKey {
            local,
            remote,
            endpoint: self.endpoint,
            local_port,
            remote_port,
            id: 0,
            protocol,
            request_hook: 0,
        })
    }
}

const fn other(hook: usize) -> usize {
    if hook == EGRESS { INGRESS } else { EGRESS }
}

/// Follows ICMP and ICMPv6 echo: request to reply.
#[inline(always)]
pub(crate) fn echo<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let passing = &Passing::<F>::of(ctx);
    let (protocol, request, reply) = match passing.headers.network {
        Network::Ipv6 => (IPPROTO_ICMPV6, 128, 129),
        _ => (IPPROTO_ICMP, 8, 0),
    };
    let Some([kind, _, _, _, id_high, id_low, seq_high, seq_low]) = passing.transport::<8>(0) else {
        return;
    };
    if kind != request && kind != reply {
        return;
    }
    // Identifier and sequence number stand where ports would, on the same side for both directions.
    let id = u16::from_ne_bytes([id_high, id_low]);
    let seq = u16::from_ne_bytes([seq_high, seq_low]);
    let ports = if HOOK == EGRESS { (id, seq) } else { (seq, id) };
    let Some(mut key) = passing.key::<HOOK>(ports, protocol) else {
        return;
    };
    if kind == request {
        key.request_hook = HOOK as u8;
        requested(&key, passing.headers.now_ns);
        if let Some(round_trips) = maps::round_trips(passing.endpoint) {
            let count = &mut round_trips.echo_requests[answer_slot(passing.headers.now_ns)];
            *count = count.wrapping_add(1);
        }
        return;
    }
    key.request_hook = other(HOOK) as u8;
    let Some(request_ns) = answered(&key) else {
        return;
    };
    let age_ns = passing.headers.now_ns.wrapping_sub(request_ns);
    if age_ns > ANSWER_TIMEOUT_NS {
        return;
    }
    if let Some(round_trips) = maps::round_trips(passing.endpoint) {
        record(&mut round_trips.histograms[RoundTrip::IcmpEcho as usize], age_ns);
        let count = &mut round_trips.echo_answered[answer_slot(request_ns)];
        *count = count.wrapping_add(1);
    }
}

/// Follows DNS over UDP: query to response.
#[inline(always)]
pub(crate) fn dns<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let passing = &Passing::<F>::of(ctx);
    let Some([s0, s1, d0, d1]) = passing.transport::<4>(0) else {
        return;
    };
    let ports = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    // Identifier and flags (RFC 1035, 4.1.1).
    let Some([id0, id1, flags, rcode]) = passing.transport::<4>(UDP_HEADER) else {
        if passing.frame.is_partial(ctx) {
            maps::go_on::<HOOK>(ctx, Stage::DnsWhole);
        }
        return;
    };
    let is_response = flags & 0x80 != 0;
    if (is_response && ports.0 != DNS_PORT) || (!is_response && ports.1 != DNS_PORT) {
        return;
    }
    let Some(mut key) = passing.key::<HOOK>(ports, IPPROTO_UDP) else {
        return;
    };
    key.id = u16::from_ne_bytes([id0, id1]);
    if !is_response {
        key.request_hook = HOOK as u8;
        requested(&key, passing.headers.now_ns);
        return;
    }
    key.request_hook = other(HOOK) as u8;
    let Some(request_ns) = answered(&key) else {
        return;
    };
    if let Some(round_trips) = maps::round_trips(passing.endpoint) {
        record(
            &mut round_trips.histograms[RoundTrip::Dns as usize],
            passing.headers.now_ns.wrapping_sub(request_ns),
        );
        round_trips.dns_rcodes[usize::from(rcode) & (RCODES - 1)] += 1;
    }
}

/// Remembers when a request passed.
#[inline(always)]
fn requested(key: &FlowKey, now_ns: u64) {
    if REQUESTS.insert(key, now_ns, u64::from(BPF_ANY)).is_err() {
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

/// Follows a TCP connection.
#[inline(always)]
pub(crate) fn tcp<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let passing = &Passing::<F>::of(ctx);
    let Some([s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, _, flags, ..]) = passing.transport::<16>(0)
    else {
        return;
    };
    let ports = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    // SAFETY: a field of the context, which the verifier translates.
    let segments = unsafe { (*ctx.skb.skb).gso_segs }.max(1);
    let segment = Segment {
        hook: HOOK,
        now_ns: passing.headers.now_ns,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        payload: passing.headers.payload,
        frame: ctx.len(),
        segments,
    };
    let Some(key) = passing.key::<HOOK>(ports, IPPROTO_TCP) else {
        return;
    };
    let Some(flow) = flow_of(&key, &segment) else {
        return;
    };
    if flow.is_replaced_by(&segment) {
        *flow = TcpFlow::new(&segment);
    }
    flow.observe(&segment, &mut ToMaps { ctx, endpoint: passing.endpoint });
}

/// The state of a connection; a connection that is not in the table yet gets an entry, if it deserves one.
#[inline(always)]
fn flow_of(key: &FlowKey, segment: &Segment) -> Option<&'static mut TcpFlow> {
    let flow = match TCP_FLOWS.get_ptr_mut(key) {
        Some(flow) => flow,
        None if segment.deserves_entry() => {
            if TCP_FLOWS.insert(key, TcpFlow::new(segment), u64::from(BPF_ANY)).is_err() {
                maps::count_exit(Exit::FlowRefused);
            }
            TCP_FLOWS.get_ptr_mut(key)?
        }
        None => return None,
    };
    // SAFETY: a map value. Both directions may write it at once, on two CPUs: a sample can get lost that way,
    // but every field is written as a whole and every use of one is checked.
    Some(unsafe { &mut *flow })
}

/// Findings that go to the maps of the endpoint.
struct ToMaps<'a> {
    ctx: &'a TcContext,
    endpoint: u32,
}

impl Findings for ToMaps<'_> {
    #[inline(always)]
    fn round_trip(&mut self, kind: RoundTrip, ns: u64) {
        // Two CPUs may write the state at once: what looks like a time before the beginning is no sample.
        if ns > u64::MAX / 2 {
            return;
        }
        let Some(round_trips) = maps::round_trips(self.endpoint) else {
            return;
        };
        if let Some(histogram) = element(&mut round_trips.histograms, kind as usize) {
            record(histogram, ns);
        }
    }

    #[inline(always)]
    fn event(&mut self, event: TcpEvent) {
        let Some(round_trips) = maps::round_trips(self.endpoint) else {
            return;
        };
        if let Some(count) = element(&mut round_trips.tcp_events, event as usize) {
            *count += 1;
        }
        debug!(self.ctx, "endpoint {}: tcp connection, event {}", self.endpoint, event as u32);
    }

    #[inline(always)]
    fn retransmits(&mut self, hook: usize, segments: u32) {
        let Some(round_trips) = maps::round_trips(self.endpoint) else {
            return;
        };
        if hook == EGRESS {
            round_trips.tcp_retransmits[EGRESS] += u64::from(segments);
        } else {
            round_trips.tcp_retransmits[INGRESS] += u64::from(segments);
        }
    }
}
