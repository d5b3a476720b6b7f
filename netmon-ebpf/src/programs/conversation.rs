//! Round trips of requests and answers: what a packet means for its conversation.
//!
//! ICMP echo and DNS over UDP are followed here, TCP in [`super::tcp`], UDP as such in [`super::udp`]; other protocols
//! are not followed. Each has a program of its own.

use netmon_ebpf::{
    abi::{EGRESS, INGRESS, Stage, endpoint_at, netns_at},
    endpoint::{RCODES, RoundTrip},
    flow::FlowKey,
    parse::{DNS_PORT, Network, UDP_HEADER, addresses},
    tag::Mixer,
};

use super::{
    Frame,
    headers::Headers,
    maps, record,
    requests::{Key, Kind},
    source::Source as _,
};

// Kinds of conversation, for the hash. The hook of the request is added to the first two.
const ECHO: u64 = 0;
const DNS: u64 = 2;
/// A connection has no hook of its own.
pub(super) const TCP: u64 = 4;
pub(super) const UDP: u64 = 5;

/// A packet whose conversation is followed, with what the measuring program found out about it.
pub(super) struct PacketContext<F> {
    pub(super) frame: F,
    pub(super) endpoint: u32,
    /// The number of the endpoint's namespace.
    netns: u32,
    pub(super) headers: Headers,
}

impl<'a, F: Frame<'a>> PacketContext<F> {
    #[inline(always)]
    pub(super) fn new(ctx: &'a F::Source) -> Self {
        let (place, headers) = ctx.headers();
        Self { frame: F::new(ctx), endpoint: endpoint_at(place), netns: netns_at(place), headers }
    }

    /// Returns `N` bytes at `offset` from the beginning of the transport header.
    #[inline(always)]
    pub(super) fn transport<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.frame.load(self.headers.transport_offset + offset)
    }

    /// Returns whether the frame is addressed to a group of stations (IEEE 802.3, 3.2.3).
    #[inline(always)]
    fn is_to_group(&self) -> bool {
        self.frame.load::<6>(0).is_some_and(|[first, ..]| first & 1 != 0)
    }

    /// Adds the namespace to what identifies a conversation, so that it is the same at all endpoints of the namespace,
    /// and another one where the same packet passes another namespace.
    #[inline(always)]
    fn within_netns(&self, rest: u64) -> u64 {
        rest | u64::from(self.netns) << 48
    }

    /// Adds the endpoint to what identifies a conversation. The tag contains it anyway. Here it makes the two ends of a
    /// link use different sets.
    #[inline(always)]
    pub(super) fn within_endpoint(&self, rest: u64) -> u64 {
        rest | u64::from(self.endpoint) << 48
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
        Some(mixer.word(rest).finish())
    }
}

#[inline(always)]
fn halves(address: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
    (u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u64::from_ne_bytes([i, j, k, l, m, n, o, p]))
}

/// Returns both ports, that of this side first.
#[inline(always)]
pub(super) const fn local_first<const HOOK: usize>(ports: u32) -> u32 {
    if HOOK == EGRESS { ports } else { ports.rotate_left(16) }
}

/// Returns the addresses and ports of a conversation, as seen from the endpoint.
#[inline(always)]
pub(super) fn flow_key<'a, const HOOK: usize, F: Frame<'a>>(packet: &PacketContext<F>) -> Option<FlowKey> {
    let headers = &packet.headers;
    let (source, destination) = addresses(&packet.frame, headers.network, headers.network_offset)?;
    let [s0, s1, d0, d1] = packet.transport::<4>(0)?;
    let (source_port, destination_port) = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    let (local, remote, local_port, remote_port) = if HOOK == EGRESS {
        (source, destination, source_port, destination_port)
    } else {
        (destination, source, destination_port, source_port)
    };
    Some(FlowKey { local, remote, local_port, remote_port, reserved: 0 })
}

const fn other(hook: usize) -> usize {
    if hook == EGRESS { INGRESS } else { EGRESS }
}

/// Follows ICMP and ICMPv6 echo: request to reply. A request to a group is not followed: its replies come from other
/// addresses, as many as there are members.
#[inline(always)]
pub(crate) fn echo<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a F::Source) {
    let packet = &PacketContext::<F>::new(ctx);
    // Read this first: if it came after a check further on, the compiler would drop its check, and the verifier needs it.
    let is_to_group = packet.is_to_group();
    let (request, reply) = match packet.headers.network {
        Network::Ipv6 => (128, 129),
        _ => (8, 0),
    };
    let Some([kind, _, _, _, id0, id1, s0, s1]) = packet.transport::<8>(0) else {
        return;
    };
    let id = u16::from_ne_bytes([id0, id1]).into();
    let sequence = u16::from_be_bytes([s0, s1]);
    let (endpoint, now_ns) = (packet.endpoint, packet.headers.now_ns);
    let key = |request_hook: usize| {
        let hash = packet.hash::<HOOK>(ECHO + request_hook as u64, packet.within_netns(id))?;
        Some(Key::new(Kind::Echo, in_sequence(hash, sequence), endpoint))
    };
    if kind == request {
        if let Some(key) = key(HOOK).filter(|_| !is_to_group) {
            key.remember(now_ns);
        }
    } else if kind == reply
        && let Some(key) = key(other(HOOK))
    {
        echo_answered(&key, endpoint, other(HOOK), now_ns);
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

/// Records the round trip of a reply.
#[inline(always)]
fn echo_answered(key: &Key, endpoint: u32, request_hook: usize, now_ns: u64) {
    let Some(request) = key.answer(now_ns) else {
        return;
    };
    let Some(counters) = maps::counters(endpoint) else {
        return;
    };
    let echoes = &mut counters.echoes;
    if let Some(age_ns) = echoes.requests.answer(request, now_ns) {
        record(&mut echoes.round_trips, age_ns);
        let sum = &mut echoes.sums[if request_hook == EGRESS { EGRESS } else { INGRESS }];
        sum.count += 1;
        sum.sum_ns = sum.sum_ns.wrapping_add(age_ns);
    }
}

/// Follows DNS over UDP: query to response.
#[inline(always)]
pub(crate) fn dns<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a F::Source) {
    let packet = &PacketContext::<F>::new(ctx);
    let Some([s0, s1, d0, d1]) = packet.transport::<4>(0) else {
        return;
    };
    let ports = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([d0, d1]));
    // Identifier and flags (RFC 1035, 4.1.1).
    let Some([id0, id1, flags, rcode]) = packet.transport::<4>(UDP_HEADER) else {
        if packet.frame.is_partial(ctx) {
            ctx.tail_call::<HOOK, { Stage::DnsNonLinear as usize }>();
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
    let Some(hash) = packet.hash::<HOOK>(DNS + request_hook as u64, packet.within_netns(rest)) else {
        return;
    };
    let key = Key::new(Kind::Dns, hash, packet.endpoint);
    if is_response {
        dns_answered(&key, packet.endpoint, rcode, packet.headers.now_ns);
    } else {
        key.remember(packet.headers.now_ns);
    }
}

/// Counts a response by its code, whether or not a query waits for it, and records the round trip.
#[inline(always)]
fn dns_answered(key: &Key, endpoint: u32, rcode: u8, now_ns: u64) {
    let request = key.answer(now_ns);
    let Some(round_trips) = maps::round_trips(endpoint) else {
        return;
    };
    round_trips.dns_rcodes[usize::from(rcode) & (RCODES - 1)] += 1;
    let age_ns = request.and_then(|request| round_trips.dns_queries.answer(request, now_ns));
    if let Some(age_ns) = age_ns {
        record(&mut round_trips.histograms[RoundTrip::Dns as usize], age_ns);
    }
}
