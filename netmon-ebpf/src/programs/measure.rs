//! What is done to every packet: parse it, count it, stamp it at egress, read its stamp at ingress.

use core::marker::PhantomData;

use aya_ebpf::{
    helpers::generated::{bpf_ktime_get_ns, bpf_skb_set_tstamp},
    programs::TcContext,
};
use aya_log_ebpf::debug;
use netmon_ebpf::{
    Protocol,
    abi::{CB_DEPARTURE, CB_EXPECTED, CB_NUMBER, CB_PLACE, EGRESS, INGRESS, ParseStop, Stage, endpoint_at},
    endpoint::Counters,
    epoch::loss_slot,
    parse::{
        ETHERNET_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN,
        Network, Parsed, Visitor, ethertype, link_layer, parse, plain_ipv4, plain_ipv6,
    },
    stamp::{Expected, NUMBER_MASK, RefusedStamp, stamp},
};

use super::{
    HookFrame,
    headers::Headers,
    maps::{self, element},
    record,
    wire::{Wire, count},
};

const MEASURE_TAGGED: usize = Stage::MeasureTagged as usize;
const MEASURE_ANY: usize = Stage::MeasureAny as usize;
const MEASURE_NON_LINEAR: usize = Stage::MeasureNonLinear as usize;
const MEASURE_SUPER: usize = Stage::MeasureSuper as usize;
const SUPER_BYTES: usize = Stage::SuperBytes as usize;
const TCP: usize = Stage::Tcp as usize;
const TCP_NON_LINEAR: usize = Stage::TcpNonLinear as usize;
const ECHO: usize = Stage::Echo as usize;
const ECHO_NON_LINEAR: usize = Stage::EchoNonLinear as usize;
const DNS: usize = Stage::Dns as usize;
const DNS_NON_LINEAR: usize = Stage::DnsNonLinear as usize;
const UDP: usize = Stage::Udp as usize;
const UDP_NON_LINEAR: usize = Stage::UdpNonLinear as usize;

/// `tstamp_type` of a delivery time on the monotonic clock (`linux/bpf.h`; DELIVERY_MONO before Linux 6.11).
const BPF_SKB_CLOCK_MONOTONIC: u32 = 1;
/// `pkt_type` of a packet that the kernel gives back to its sender (`linux/if_packet.h`).
const PACKET_LOOPBACK: u32 = 5;

/// Measures a packet at `HOOK` if it is plain, and leaves any other to another program.
///
/// Code for every packet has to keep the whole result of parsing on its stack, which costs as much as all its other
/// work. Here the code is compiled once for each kind of plain packet, with what is known about that kind.
#[inline(always)]
pub(crate) fn plain<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &'a TcContext) {
    let frame = F::new(ctx);
    let measure = Measure::<HOOK, F, true>::new(ctx);
    let visited = match ethertype(&frame) {
        Some(ETHERTYPE_IPV4) => plain_ipv4(&frame, ETHERNET_HEADER, &measure),
        Some(ETHERTYPE_IPV6) => plain_ipv6(&frame, ETHERNET_HEADER, &measure),
        Some(ETHERTYPE_ARP) => return measure.visit(&Parsed::arp(ETHERNET_HEADER)),
        Some(ETHERTYPE_VLAN | ETHERTYPE_QINQ) => return maps::tail_call::<HOOK, MEASURE_TAGGED>(ctx),
        _ => None,
    };
    if visited.is_none() {
        maps::tail_call::<HOOK, MEASURE_ANY>(ctx);
    }
}

/// The same as [`plain`] for packets whose VLAN tags are in the frame.
#[inline(always)]
pub(crate) fn tagged<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &'a TcContext) {
    let frame = F::new(ctx);
    let measure = Measure::<HOOK, F, true>::new(ctx);
    let visited = match link_layer(&frame) {
        Ok((ETHERTYPE_IPV4, offset)) => plain_ipv4(&frame, offset, &measure),
        Ok((ETHERTYPE_IPV6, offset)) => plain_ipv6(&frame, offset, &measure),
        _ => None,
    };
    if visited.is_none() {
        maps::tail_call::<HOOK, MEASURE_ANY>(ctx);
    }
}

/// Measures any packet at `HOOK`. If it is a super-packet or its headers are not linear, tail-calls the program for such
/// packets.
#[inline(always)]
pub(crate) fn any<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &'a TcContext) {
    if !F::NON_LINEAR && gso_size(ctx) != 0 {
        return maps::tail_call::<HOOK, MEASURE_SUPER>(ctx);
    }
    let frame = F::new(ctx);
    let parsed = parse(&frame).obscured(&frame);
    if parsed.wants_more_bytes() && frame.is_partial(ctx) {
        return maps::tail_call::<HOOK, MEASURE_NON_LINEAR>(ctx);
    }
    Measure::<HOOK, F, false>::new(ctx).visit(&parsed);
}

/// Measures a super-packet that is not plain. Its segments may have other headers than those that are parsed here.
///
/// In [`any`], the question whether they have would multiply the paths that the verifier follows.
#[inline(always)]
pub(crate) fn super_packet<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &'a TcContext) {
    let frame = F::new(ctx);
    let parsed = parse(&frame).obscured(&frame);
    let Some(passed) = account::<HOOK>(ctx, &parsed) else { return };
    if matches!(parsed.stop, None | Some(ParseStop::UnknownTransport)) {
        Headers::new(&parsed, passed.now_ns, ctx.len()).with_number(&parsed).store(ctx);
        maps::tail_call::<HOOK, SUPER_BYTES>(ctx);
    }
}

/// What is done with a packet after parsing.
struct Measure<'a, const HOOK: usize, F, const PLAIN: bool> {
    ctx: &'a TcContext,
    frame: PhantomData<F>,
}

impl<'a, const HOOK: usize, F, const PLAIN: bool> Measure<'a, HOOK, F, PLAIN> {
    #[inline(always)]
    fn new(ctx: &'a TcContext) -> Self {
        Self { ctx, frame: PhantomData }
    }
}

impl<'a, const HOOK: usize, F: HookFrame<'a>, const PLAIN: bool> Visitor for Measure<'a, HOOK, F, PLAIN> {
    type Output = ();

    #[inline(always)]
    fn visit(&self, parsed: &Parsed) {
        let Some(passed) = account::<HOOK>(self.ctx, parsed) else { return };
        // Of the plain packets, only UDP can be a tunnel.
        if PLAIN && is_udp(parsed) && passed.segments > 1 {
            Headers::new(parsed, passed.now_ns, self.ctx.len()).with_number(parsed).store(self.ctx);
            return maps::tail_call::<HOOK, SUPER_BYTES>(self.ctx);
        }
        follow::<HOOK, F>(self.ctx, parsed, passed.now_ns);
    }
}

/// A packet that was counted.
struct Passed {
    /// When it passed the hook, monotonic nanoseconds; 0 if it is not IP.
    now_ns: u64,
    /// The packets that it is on the wire.
    segments: u32,
}

/// Returns whether it is a whole datagram, other than DNS.
#[inline(always)]
const fn is_udp(parsed: &Parsed) -> bool {
    matches!(parsed.protocol, Protocol::Udp) && parsed.stop.is_none() && !parsed.is_dns
}

/// Counts and stamps a packet. Returns `None` if the endpoint is unknown.
#[inline(always)]
fn account<const HOOK: usize>(ctx: &TcContext, parsed: &Parsed) -> Option<Passed> {
    // SAFETY: a field of the context, which the verifier translates.
    if HOOK == INGRESS && unsafe { (*ctx.skb.skb).pkt_type } == PACKET_LOOPBACK {
        maps::count_stop(ParseStop::LoopedBack);
        return None;
    }
    let cb = ctx.cb();
    let endpoint = endpoint_at(cb[CB_PLACE]);
    let Some(counters) = maps::counters(endpoint) else {
        maps::count_stop(ParseStop::UnknownEndpoint);
        debug!(ctx, "no counters for endpoint {}", endpoint);
        return None;
    };
    if let Some(stop) = parsed.stop {
        maps::count_stop(stop);
        debug!(ctx, "endpoint {}: parsing stopped, reason {}", endpoint, stop as u32);
    }
    let now_ns = if matches!(parsed.network, Network::Other) {
        // Such a packet is neither stamped nor followed. Reading the clock would cost more than all the rest.
        0
    } else {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_ktime_get_ns() }
    };
    let frame = ctx.len();
    // SAFETY: a field of the context, which the verifier translates.
    let gso_segs = || unsafe { (*ctx.skb.skb).gso_segs };
    let wire = Wire::new(frame, parsed.header_bytes as u32, gso_size(ctx), gso_segs);
    let segments = wire.segments;
    count::<HOOK>(counters, parsed.protocol, frame, wire);
    if maps::stamping() {
        if HOOK == EGRESS && cb[CB_NUMBER] != 0 {
            leaves(ctx, counters, parsed, stamp(now_ns, cb[CB_NUMBER]), segments);
        }
        let departure = u64::from(cb[CB_DEPARTURE]) | u64::from(cb[CB_DEPARTURE + 1]) << 32;
        if HOOK == INGRESS && !matches!(parsed.network, Network::Other) && departure != 0 {
            let expected = Expected::from_halves(CB_EXPECTED.map(|word| cb[word]));
            match expected.departed_ns(departure, now_ns) {
                Ok(departed_ns) => arrived(ctx, counters, departed_ns, now_ns, segments),
                Err(reason) => refused(endpoint, reason),
            }
        }
    }
    Some(Passed { now_ns, segments })
}

/// Hands the packet to the program that follows its conversation, if it is part of one.
#[inline(always)]
fn follow<'a, const HOOK: usize, F: HookFrame<'a>>(ctx: &TcContext, parsed: &Parsed, now_ns: u64) {
    if parsed.stop.is_some() {
        return;
    }
    let store = || Headers::new(parsed, now_ns, ctx.len()).store(ctx);
    if maps::udp() && matches!(parsed.protocol, Protocol::Udp) {
        // It hands DNS on.
        store();
        return tail_call_same_frame::<HOOK, F, UDP, UDP_NON_LINEAR>(ctx);
    }
    if !maps::flows() {
        return;
    }
    match parsed.protocol {
        Protocol::Tcp => {
            store();
            tail_call_same_frame::<HOOK, F, TCP, TCP_NON_LINEAR>(ctx);
        }
        Protocol::Icmp | Protocol::Icmpv6 => {
            store();
            tail_call_same_frame::<HOOK, F, ECHO, ECHO_NON_LINEAR>(ctx);
        }
        Protocol::Udp if parsed.is_dns => {
            store();
            tail_call_same_frame::<HOOK, F, DNS, DNS_NON_LINEAR>(ctx);
        }
        _ => {}
    }
}

/// Tail-calls that program of the two which reads the frame as this one does.
#[inline(always)]
fn tail_call_same_frame<
    'a,
    const HOOK: usize,
    F: HookFrame<'a>,
    const LINEAR: usize,
    const NON_LINEAR: usize,
>(
    ctx: &TcContext,
) {
    if F::NON_LINEAR {
        maps::tail_call::<HOOK, NON_LINEAR>(ctx);
    } else {
        maps::tail_call::<HOOK, LINEAR>(ctx);
    }
}

/// Returns the length of a segment's payload; 0 if the frame is no super-packet.
#[inline(always)]
fn gso_size(ctx: &TcContext) -> u32 {
    // SAFETY: a field of the context, which the verifier translates.
    unsafe { (*ctx.skb.skb).gso_size }
}

/// Stamps the packet with its departure, and counts it in the epoch of that time.
#[inline(always)]
fn leaves(ctx: &TcContext, counters: &mut Counters, parsed: &Parsed, stamp: u64, segments: u32) {
    // The helper accepts only IPv4 and IPv6, by the outermost ethertype.
    if matches!(parsed.network, Network::Other) || parsed.network_offset != ETHERNET_HEADER {
        counters.unstamped += 1;
        unlike(ctx, stamp);
        return;
    }
    // SAFETY: the helper gets the context that the program was called with.
    let refused = unsafe { bpf_skb_set_tstamp(ctx.skb.skb, stamp, BPF_SKB_CLOCK_MONOTONIC) };
    if refused == 0 {
        count_epoch::<EGRESS>(counters, stamp, segments);
    } else {
        counters.unstamped += 1;
        maps::count_stop(ParseStop::StampRefused);
    }
}

/// Makes sure that the delivery time of a packet that is not stamped cannot be taken for a stamp of this endpoint: a time
/// with its number is changed by one nanosecond. A queue that delivers by it does not notice.
#[inline(always)]
fn unlike(ctx: &TcContext, stamp: u64) {
    // SAFETY: a field of the context that programs may read and write, which the verifier translates. At egress, what is
    // written remains what it was, a delivery time.
    unsafe {
        let time = &raw mut (*ctx.skb.skb).tstamp;
        let before = time.read();
        if (before ^ stamp) & NUMBER_MASK == 0 && before != 0 {
            time.write(before ^ 1);
        }
    }
}

/// Accounts for the departure of a packet that arrived. Then replaces its stamp with the receive time that the kernel would
/// have set, which `ping`, `SO_TIMESTAMP` and captures read.
#[inline(always)]
fn arrived(ctx: &TcContext, counters: &mut Counters, departed_ns: u64, now_ns: u64, segments: u32) {
    // A stamp is exact to 64 ns, so it may lie a little ahead.
    record(&mut counters.latency, now_ns.saturating_sub(departed_ns));
    count_epoch::<INGRESS>(counters, departed_ns, segments);
    if departed_ns > counters.latest_departure_ns {
        counters.latest_departure_ns = departed_ns;
    }
    let received_ns = now_ns.wrapping_add(maps::clock_offset());
    // At ingress, a program that does not read `tstamp_type` writes a receive time, without a helper (Linux 5.18).
    // No program here reads it, because the dispatcher reads the stamp.
    // SAFETY: a field of the context that programs may write, which the verifier translates.
    unsafe { (&raw mut (*ctx.skb.skb).tstamp).write(received_ns) };
}

/// Counts a packet whose delivery time is no stamp of the peer. It keeps that time.
#[inline(always)]
fn refused(endpoint: u32, reason: RefusedStamp) {
    if let Some(round_trips) = maps::round_trips(endpoint)
        && let Some(count) = element(&mut round_trips.refused_stamps, reason as usize)
    {
        *count += 1;
    }
}

#[inline(always)]
fn count_epoch<const HOOK: usize>(counters: &mut Counters, stamp_ns: u64, segments: u32) {
    let count = &mut counters.epochs[HOOK][loss_slot(stamp_ns)];
    *count = count.wrapping_add(segments);
}
