//! What happens to a packet at a hook, in this order: which endpoint, what is it, count it, stamp it or
//! read its stamp, follow its conversation.

mod conversation;
mod maps;
mod skb;

use aya_ebpf::{
    helpers::generated::{bpf_ktime_get_ns, bpf_skb_set_tstamp},
    programs::TcContext,
};
use aya_log_ebpf::debug;
use netmon_ebpf::{
    abi::{CB_ENDPOINT, CB_FLAGS, EGRESS, Exit, FLAG_PEER_STAMPS, FLAG_STAMP, HOOKS, INGRESS},
    endpoint::Counters,
    epoch::loss_slot,
    histogram::{BUCKETS, Histogram, bucket},
    parse::{Network, Packet, Parsed, parse},
};

use self::skb::{Linear, Whole};

/// `tstamp_type` of a receive time (`linux/bpf.h`; called UNSPEC before Linux 6.11).
const BPF_SKB_CLOCK_REALTIME: u32 = 0;
/// `tstamp_type` of a delivery time on the monotonic clock (`linux/bpf.h`; DELIVERY_MONO before 6.11).
const BPF_SKB_CLOCK_MONOTONIC: u32 = 1;

/// A packet at a hook, as far as everybody here needs to know it.
struct Passing<'a> {
    ctx: &'a TcContext,
    endpoint: u32,
    now_ns: u64,
    /// Bytes of the frame.
    frame: u32,
    /// Segments on the wire.
    segments: u32,
}

/// Measures one packet at `HOOK`.
#[inline(always)]
pub(super) fn observe<const HOOK: usize>(ctx: &TcContext) {
    let cb = ctx.cb();
    let (endpoint, flags) = (cb[CB_ENDPOINT], cb[CB_FLAGS]);
    let Some(counters) = maps::counters(endpoint) else {
        maps::count_exit(Exit::UnknownEndpoint);
        debug!(ctx, "no counters for endpoint {}", endpoint);
        return;
    };
    // SAFETY: the helper has no preconditions.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let linear = Linear::of(ctx);
    let parsed = parse(&linear);
    if parsed.wants_more_bytes() && linear.len() < ctx.len() {
        return beyond_linear::<HOOK>(ctx, counters, endpoint, flags, now_ns);
    }
    measure::<HOOK, _>(ctx, counters, endpoint, flags, now_ns, &linear, &parsed);
}

/// The same for a packet whose headers lie outside its linear part. Rare, so it is kept out of the way.
#[inline(never)]
fn beyond_linear<const HOOK: usize>(
    ctx: &TcContext,
    counters: &mut Counters,
    endpoint: u32,
    flags: u32,
    now_ns: u64,
) {
    let whole = Whole(ctx);
    let parsed = parse(&whole);
    measure::<HOOK, _>(ctx, counters, endpoint, flags, now_ns, &whole, &parsed);
}

#[inline(always)]
fn measure<const HOOK: usize, P: Packet>(
    ctx: &TcContext,
    counters: &mut Counters,
    endpoint: u32,
    flags: u32,
    now_ns: u64,
    packet: &P,
    parsed: &Parsed,
) {
    if let Some(exit) = parsed.exit {
        maps::count_exit(exit);
        debug!(ctx, "endpoint {}: parsing stopped, reason {}", endpoint, exit as u32);
    }
    let frame = ctx.len();
    let segments = segments(ctx, frame, parsed.header_bytes as u32);
    count::<HOOK>(counters, parsed, frame, segments);
    if maps::stamping() {
        if HOOK == EGRESS && flags & FLAG_STAMP != 0 {
            stamp(ctx, counters, parsed, now_ns, segments);
        }
        if HOOK == INGRESS && flags & FLAG_PEER_STAMPS != 0 {
            read_stamp(ctx, counters, now_ns, segments);
        }
    }
    if maps::flows() && parsed.exit.is_none() {
        conversation::follow::<HOOK, P>(&Passing { ctx, endpoint, now_ns, frame, segments }, packet, parsed);
    }
}

/// How many packets the frame is on the wire. Frames from virtual machines and taps may say how large
/// their segments are, and leave it to others to count them.
#[inline(always)]
fn segments(ctx: &TcContext, frame: u32, header_bytes: u32) -> u32 {
    // SAFETY: fields of the context, which the verifier translates.
    let (count, size) = unsafe { ((*ctx.skb.skb).gso_segs, (*ctx.skb.skb).gso_size) };
    if count > 0 {
        return count;
    }
    if size > 0 && frame > header_bytes {
        return (frame - header_bytes).div_ceil(size).max(1);
    }
    1
}

#[inline(always)]
fn count<const HOOK: usize>(counters: &mut Counters, parsed: &Parsed, frame: u32, segments: u32) {
    const { assert!(HOOK < HOOKS) };
    let hook = &mut counters.hooks[HOOK];
    let counter = &mut hook.protocols[parsed.protocol as usize];
    counter.packets += 1;
    counter.bytes += u64::from(frame);
    hook.segments += u64::from(segments);
    hook.wire_bytes += u64::from(frame) + u64::from(segments - 1) * parsed.header_bytes as u64;
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

/// Adds one observation to a histogram.
#[inline(always)]
fn record(histogram: &mut Histogram, ns: u64) {
    histogram.sum_ns = histogram.sum_ns.wrapping_add(ns);
    let index = bucket(ns);
    if index < BUCKETS {
        histogram.buckets[index] += 1;
    }
}
