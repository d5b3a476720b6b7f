//! Every packet: parse it, count it, stamp it at egress, read its stamp at ingress.

use aya_ebpf::{
    helpers::generated::{bpf_ktime_get_ns, bpf_skb_set_tstamp},
    programs::TcContext,
};
use aya_log_ebpf::debug;
use netmon_ebpf::{
    Protocol,
    abi::{CB_ENDPOINT, CB_FLAGS, EGRESS, Exit, FLAG_PEER_STAMPS, FLAG_STAMP, HOOKS, INGRESS, Stage},
    endpoint::Counters,
    epoch::loss_slot,
    parse::{
        ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Network, Parsed, link_layer, parse, plain_ipv4,
        plain_ipv6,
    },
};

use super::{Frame, headers::Headers, maps, record};

const MEASURE_ANY: usize = Stage::MeasureAny as usize;
const MEASURE_WHOLE: usize = Stage::MeasureWhole as usize;
const TCP: usize = Stage::Tcp as usize;
const TCP_WHOLE: usize = Stage::TcpWhole as usize;
const ECHO: usize = Stage::Echo as usize;
const ECHO_WHOLE: usize = Stage::EchoWhole as usize;
const DNS: usize = Stage::Dns as usize;
const DNS_WHOLE: usize = Stage::DnsWhole as usize;

/// `tstamp_type` of a receive time (`linux/bpf.h`; called UNSPEC before Linux 6.11).
const BPF_SKB_CLOCK_REALTIME: u32 = 0;
/// `tstamp_type` of a delivery time on the monotonic clock (`linux/bpf.h`; DELIVERY_MONO before 6.11).
const BPF_SKB_CLOCK_MONOTONIC: u32 = 1;

/// Measures one packet at `HOOK`, if it is a plain one; any other is for the next program. Code that must be
/// ready for every packet carries all that parsing can tell through its stack, which costs as much as the rest
/// of its work: here it is compiled once for each IP and for ARP, with what is known by then.
#[inline(always)]
pub(crate) fn plain<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let frame = F::of(ctx);
    match link_layer(&frame) {
        Ok((ETHERTYPE_IPV4, offset)) => {
            if let Some(parsed) = plain_ipv4(&frame, offset) {
                return complete::<HOOK, F>(ctx, &parsed);
            }
        }
        Ok((ETHERTYPE_IPV6, offset)) => {
            if let Some(parsed) = plain_ipv6(&frame, offset) {
                return complete::<HOOK, F>(ctx, &parsed);
            }
        }
        Ok((ETHERTYPE_ARP, offset)) => return complete::<HOOK, F>(ctx, &Parsed::arp(offset)),
        _ => {}
    }
    maps::go_on::<HOOK, MEASURE_ANY>(ctx);
}

/// Measures one packet at `HOOK`, whatever it is. Where its headers are not linear, the program for that takes
/// over.
#[inline(always)]
pub(crate) fn any<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    let frame = F::of(ctx);
    let parsed = parse(&frame);
    if parsed.wants_more_bytes() && frame.is_partial(ctx) {
        return maps::go_on::<HOOK, MEASURE_WHOLE>(ctx);
    }
    complete::<HOOK, F>(ctx, &parsed);
}

#[inline(always)]
fn complete<'a, const HOOK: usize, F: Frame<'a>>(ctx: &TcContext, parsed: &Parsed) {
    if let Some(now_ns) = account::<HOOK>(ctx, parsed) {
        follow::<HOOK, F>(ctx, parsed, now_ns);
    }
}

/// Counts and stamps a packet, and says when it passed; none for an endpoint that is not known.
#[inline(always)]
fn account<const HOOK: usize>(ctx: &TcContext, parsed: &Parsed) -> Option<u64> {
    let cb = ctx.cb();
    let (endpoint, flags) = (cb[CB_ENDPOINT], cb[CB_FLAGS]);
    let Some(counters) = maps::counters(endpoint) else {
        maps::count_exit(Exit::UnknownEndpoint);
        debug!(ctx, "no counters for endpoint {}", endpoint);
        return None;
    };
    if let Some(exit) = parsed.exit {
        maps::count_exit(exit);
        debug!(ctx, "endpoint {}: parsing stopped, reason {}", endpoint, exit as u32);
    }
    let now_ns = if matches!(parsed.network, Network::Other) {
        // Neither stamped nor followed: it is spared the clock, which costs more than all the rest.
        0
    } else {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_ktime_get_ns() }
    };
    let frame = ctx.len();
    let segments = segments(ctx, frame, parsed.header_bytes as u32);
    count::<HOOK>(counters, parsed, frame, segments);
    if maps::stamping() {
        if HOOK == EGRESS && flags & FLAG_STAMP != 0 {
            stamp(ctx, counters, parsed, now_ns, segments);
        }
        if HOOK == INGRESS && flags & FLAG_PEER_STAMPS != 0 && now_ns != 0 {
            read_stamp(ctx, counters, now_ns, segments);
        }
    }
    Some(now_ns)
}

/// Hands the packet to the program that follows its conversation, if it is part of one.
#[inline(always)]
fn follow<'a, const HOOK: usize, F: Frame<'a>>(ctx: &TcContext, parsed: &Parsed, now_ns: u64) {
    if !maps::flows() || parsed.exit.is_some() {
        return;
    }
    let leave = || Headers::of(parsed, now_ns, ctx.len()).leave(ctx);
    match parsed.protocol {
        Protocol::Tcp => {
            leave();
            go_on_reading::<HOOK, F, TCP, TCP_WHOLE>(ctx);
        }
        Protocol::Icmp | Protocol::Icmpv6 => {
            leave();
            go_on_reading::<HOOK, F, ECHO, ECHO_WHOLE>(ctx);
        }
        Protocol::Udp if parsed.is_dns => {
            leave();
            go_on_reading::<HOOK, F, DNS, DNS_WHOLE>(ctx);
        }
        _ => {}
    }
}

/// Goes on in that program of two which reads as this one does.
#[inline(always)]
fn go_on_reading<'a, const HOOK: usize, F: Frame<'a>, const LINEAR: usize, const WHOLE: usize>(
    ctx: &TcContext,
) {
    if F::WHOLE { maps::go_on::<HOOK, WHOLE>(ctx) } else { maps::go_on::<HOOK, LINEAR>(ctx) }
}

/// How many packets the frame is on the wire. Frames from virtual machines and taps may say how large
/// their segments are, and leave it to others to count them.
#[inline(always)]
fn segments(ctx: &TcContext, frame: u32, header_bytes: u32) -> u32 {
    // SAFETY: a field of the context, which the verifier translates.
    let size = unsafe { (*ctx.skb.skb).gso_size };
    // Almost no frame is a super-packet: one question says so.
    if size == 0 {
        return 1;
    }
    // SAFETY: as above.
    let count = unsafe { (*ctx.skb.skb).gso_segs };
    if count > 0 {
        return count;
    }
    frame.saturating_sub(header_bytes).div_ceil(size).max(1)
}

#[inline(always)]
fn count<const HOOK: usize>(counters: &mut Counters, parsed: &Parsed, frame: u32, segments: u32) {
    const { assert!(HOOK < HOOKS) };
    let hook = &mut counters.hooks[HOOK];
    if let Some(counter) = maps::element(&mut hook.protocols, parsed.protocol as usize) {
        counter.packets += 1;
        counter.bytes += u64::from(frame);
    }
    hook.segments += u64::from(segments);
    hook.wire_bytes += u64::from(frame);
    if segments > 1 {
        hook.wire_bytes += u64::from(segments - 1) * parsed.header_bytes as u64;
    }
}

/// Writes the time of departure into the packet, and counts it into the epoch of that time.
#[inline(always)]
fn stamp(ctx: &TcContext, counters: &mut Counters, parsed: &Parsed, now_ns: u64, segments: u32) {
    // The helper takes nothing but IPv4 and IPv6.
    if matches!(parsed.network, Network::Other) {
        counters.unstamped += 1;
        return;
    }
    // SAFETY: the helper gets the context that the program was called with.
    let refused = unsafe { bpf_skb_set_tstamp(ctx.skb.skb, now_ns, BPF_SKB_CLOCK_MONOTONIC) };
    if refused == 0 {
        count_epoch::<EGRESS>(counters, now_ns, segments);
    } else {
        counters.unstamped += 1;
        maps::count_exit(Exit::StampRefused);
    }
}

/// Reads the time of departure from the packet, and leaves in its place the receive time that the kernel
/// would have given it: `ping`, `SO_TIMESTAMP` and captures look there.
#[inline(always)]
fn read_stamp(ctx: &TcContext, counters: &mut Counters, now_ns: u64, segments: u32) {
    // SAFETY: fields of the context, which the verifier translates.
    let (kind, stamp_ns) = unsafe { ((*ctx.skb.skb).tstamp_type, (*ctx.skb.skb).tstamp) };
    if u32::from(kind) != BPF_SKB_CLOCK_MONOTONIC || stamp_ns == 0 {
        return;
    }
    if stamp_ns > now_ns {
        maps::count_exit(Exit::StampInFuture);
    } else {
        record(&mut counters.latency, now_ns - stamp_ns);
        count_epoch::<INGRESS>(counters, stamp_ns, segments);
    }
    if maps::receive_time() {
        let received_ns = now_ns.wrapping_add(maps::clock_offset());
        // SAFETY: the helper gets the context that the program was called with.
        let refused = unsafe { bpf_skb_set_tstamp(ctx.skb.skb, received_ns, BPF_SKB_CLOCK_REALTIME) };
        if refused != 0 {
            maps::count_exit(Exit::ReceiveTimeRefused);
        }
    }
}

#[inline(always)]
fn count_epoch<const HOOK: usize>(counters: &mut Counters, stamp_ns: u64, segments: u32) {
    let count = &mut counters.epochs[HOOK][loss_slot(stamp_ns)];
    *count = count.wrapping_add(segments);
}
