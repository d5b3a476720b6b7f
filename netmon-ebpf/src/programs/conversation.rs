//! Round trips of requests and answers: what a packet means for its conversation.
//!
//! ICMP echo and DNS over UDP are followed here, TCP in [`super::tcp`]; other protocols are not followed. Each has a
//! program of its own.

use aya_ebpf::programs::TcContext;
use netmon_ebpf::{
    abi::{EGRESS, Evicted, INGRESS, Stage},
    endpoint::{RCODES, RoundTrip},
    epoch::{ANSWER_TIMEOUT_NS, answer_slot},
    parse::{DNS_PORT, Network, UDP_HEADER},
    requests::{Displaced, Remembered},
    tag::{Mixer, endpoint_of, is_marked, tag},
};

use super::{Frame, headers::Headers, maps, record, shared_words::Instructions};

// Kinds of conversation, for the hash. The hook of the request is added to the first two.
const ECHO: u64 = 0;
const DNS: u64 = 2;
/// A connection has no hook of its own.
pub(super) const TCP: u64 = 4;

/// A packet whose conversation is followed, with what the measuring program found out about it.
pub(super) struct PacketContext<F> {
    pub(super) frame: F,
    pub(super) endpoint: u32,
    pub(super) headers: Headers,
}

impl<'a, F: Frame<'a>> PacketContext<F> {
    #[inline(always)]
    pub(super) fn new(ctx: &'a TcContext) -> Self {
        let (endpoint, headers) = Headers::load(ctx);
        Self { frame: F::new(ctx), endpoint, headers }
    }

    /// Returns `N` bytes at `offset` from the beginning of the transport header.
    #[inline(always)]
    pub(super) fn transport<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.frame.load(self.headers.transport_offset + offset)
    }

    /// Returns the hash of the conversation. It is the same for both directions, because the address of this side is
    /// hashed first. `rest` is what else identifies the conversation, and must be the same for both directions as well.
    #[inline(always)]
    pub(super) fn hash<const HOOK: usize>(&self, kind: u64, rest: u64) -> Option<u64> {
        let mixer = Mixer::new(maps::hash_key(), kind);
        let offset = self.headers.network_offset;
        let mixer = if matches!(self.headers.network, Network::Ipv6) {
            let source = self.frame.load::<16>(offset + 8).map(halves)?;
            let destination = self.frame.load::<16>(offset + 24).map(halves)?;
            let (local, remote) = if HOOK == EGRESS { (source, destination) } else { (destination, source) };
            mixer.word(local.0).word(local.1).word(remote.0).word(remote.1)
        } else {
            let addresses = self.frame.load::<8>(offset + 12).map(u64::from_ne_bytes)?;
            mixer.word(if HOOK == EGRESS { addresses } else { addresses.rotate_left(32) })
        };
        // The tag contains the endpoint anyway. Here it makes the two ends of a link use different sets.
        Some(mixer.word(rest ^ u64::from(self.endpoint) << 48).finish())
    }
}

#[inline(always)]
fn halves(address: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
    (u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes([i, j, k, l, m, n, o, p]))
}

const fn other(hook: usize) -> usize {
    if hook == EGRESS { INGRESS } else { EGRESS }
}

/// Follows ICMP and ICMPv6 echo: request to reply.
#[inline(always)]
pub(crate) fn echo<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let packet = &PacketContext::<F>::new(ctx);
    let (request, reply) = match packet.headers.network {
        Network::Ipv6 => (128, 129),
        _ => (8, 0),
    };
    let Some([kind, _, _, _, id0, id1, s0, s1]) = packet.transport::<8>(0) else {
        return;
    };
    let id = u16::from_ne_bytes([id0, id1]).into();
    let sequence = u16::from_be_bytes([s0, s1]);
    if kind == request {
        if let Some(hash) = packet.hash::<HOOK>(ECHO + HOOK as u64, id) {
            echo_requested(packet.endpoint, in_sequence(hash, sequence), packet.headers.now_ns);
        }
    } else if kind == reply {
        let request_hook = other(HOOK);
        if let Some(hash) = packet.hash::<HOOK>(ECHO + request_hook as u64, id) {
            echo_answered(packet.endpoint, in_sequence(hash, sequence), request_hook, packet.headers.now_ns);
        }
    }
}

/// Returns the hash of one echo in a series, given the hash of the series.
///
/// The lowest bits choose the set, and grow with the sequence number: the echoes of a `ping` are side by side, so the
/// next one seldom finds its cache line cold, and the echoes of a flood do not displace each other. In the higher bits,
/// which are part of the tag, the whole sequence number distinguishes the echoes.
#[inline(always)]
const fn in_sequence(hash: u64, sequence: u16) -> u64 {
    (hash ^ (sequence as u64) << 40).wrapping_add(sequence as u64 / 2)
}

#[inline(always)]
fn echo_requested(endpoint: u32, hash: u64, now_ns: u64) {
    // A request that is not remembered cannot be answered, so it is not counted.
    if !remember(tag(hash, endpoint, true), hash, now_ns) {
        return;
    }
    if let Some(counters) = maps::counters(endpoint) {
        let count = &mut counters.echoes.requests[answer_slot(now_ns)];
        *count = count.wrapping_add(1);
    }
}

#[inline(always)]
fn echo_answered(endpoint: u32, hash: u64, request_hook: usize, now_ns: u64) {
    let Some(request_ns) = answer(tag(hash, endpoint, true), hash) else {
        return;
    };
    let age_ns = now_ns.wrapping_sub(request_ns);
    if age_ns > ANSWER_TIMEOUT_NS {
        return;
    }
    if let Some(counters) = maps::counters(endpoint) {
        let echoes = &mut counters.echoes;
        record(&mut echoes.round_trips, age_ns);
        let sum = &mut echoes.sums[if request_hook == EGRESS { EGRESS } else { INGRESS }];
        sum.count += 1;
        sum.sum_ns = sum.sum_ns.wrapping_add(age_ns);
        let count = &mut echoes.answered[answer_slot(request_ns)];
        *count = count.wrapping_add(1);
    }
}

/// Follows DNS over UDP: query to response.
#[inline(always)]
pub(crate) fn dns<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let packet = &PacketContext::<F>::new(ctx);
    let Some([s0, s1, d0, d1]) = packet.transport::<4>(0) else {
        return;
    };
    let ports = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    // Identifier and flags (RFC 1035, 4.1.1).
    let Some([id0, id1, flags, rcode]) = packet.transport::<4>(UDP_HEADER) else {
        if packet.frame.is_partial(ctx) {
            maps::tail_call::<HOOK, { Stage::DnsNonLinear as usize }>(ctx);
        }
        return;
    };
    let is_response = flags & 0x80 != 0;
    let (client_port, server_port, request_hook) =
        if is_response { (ports.1, ports.0, other(HOOK)) } else { (ports.0, ports.1, HOOK) };
    if server_port != DNS_PORT {
        return;
    }
    let rest = u64::from(client_port) | u64::from(u16::from_ne_bytes([id0, id1])) << 16;
    let Some(hash) = packet.hash::<HOOK>(DNS + request_hook as u64, rest) else {
        return;
    };
    let tag = tag(hash, packet.endpoint, false);
    if !is_response {
        remember(tag, hash, packet.headers.now_ns);
        return;
    }
    let Some(request_ns) = answer(tag, hash) else {
        return;
    };
    if let Some(round_trips) = maps::round_trips(packet.endpoint) {
        record(
            &mut round_trips.histograms[RoundTrip::Dns as usize],
            packet.headers.now_ns.wrapping_sub(request_ns),
        );
        round_trips.dns_rcodes[usize::from(rcode) & (RCODES - 1)] += 1;
    }
}

/// Remembers when a request passed, and returns whether that was possible. The tags of echo requests are marked.
#[inline(always)]
fn remember(tag: u64, hash: u64, now_ns: u64) -> bool {
    let Some(requests) = maps::requests(hash) else {
        return false;
    };
    match requests.remember(tag, now_ns, Instructions) {
        Remembered::Yes => true,
        Remembered::No => {
            maps::count_evicted(Evicted::Request);
            false
        }
        Remembered::InPlaceOf(displaced) => {
            if now_ns.wrapping_sub(displaced.at_ns) < ANSWER_TIMEOUT_NS {
                maps::count_evicted(Evicted::Request);
                uncount_request(displaced);
            }
            true
        }
    }
}

/// Removes a displaced echo request from the count of requests, because its answer will not be recognized.
#[inline(always)]
fn uncount_request(request: Displaced) {
    if !is_marked(request.tag) {
        return;
    }
    if let Some(counters) = maps::counters(endpoint_of(request.tag)) {
        let count = &mut counters.echoes.requests[answer_slot(request.at_ns)];
        *count = count.wrapping_sub(1);
    }
}

/// Returns when the request passed that is answered now.
#[inline(always)]
fn answer(tag: u64, hash: u64) -> Option<u64> {
    maps::requests(hash)?.answer(tag, Instructions)
}
