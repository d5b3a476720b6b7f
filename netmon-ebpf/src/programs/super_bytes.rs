//! Wire bytes of super-packets whose segments have other headers than the outer ones: those in a tunnel repeat the inner
//! headers too, and those of BIG TCP over IPv6 lack the header with the jumbo payload option.
//!
//! The program that measured the packet has counted its headers up to the outer transport header for each segment. The
//! difference is made up for here, so that no other packet pays for it.

use netmon_ebpf::{
    abi::{HOOKS, Stage, endpoint_at},
    parse::{IPPROTO_TCP, IPPROTO_UDP, has_inner_headers, inner_headers, jumbo_bytes, transport_header},
};

use super::{Frame, headers::Headers, maps, source::Source};

/// Corrects the wire bytes of a super-packet, and hands it to the program that follows its connection.
#[inline(always)]
pub(crate) fn super_bytes<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a F::Source) {
    let (place, headers) = ctx.headers();
    let difference = difference(&F::new(ctx), &headers, ctx.len());
    if difference.repeated | difference.removed != 0 {
        correct::<HOOK>(ctx, endpoint_at(place), headers.payload, difference);
    }
    if maps::flows() && headers.number == IPPROTO_TCP {
        ctx.tail_call::<HOOK, { Stage::TcpNonLinear as usize }>();
    }
    if maps::udp() && headers.number == IPPROTO_UDP {
        ctx.tail_call::<HOOK, { Stage::UdpNonLinear as usize }>();
    }
}

/// How the headers of segments differ from those that are counted already, in bytes.
#[derive(Clone, Copy)]
struct Difference {
    /// Each segment after the first repeats so many more.
    repeated: usize,
    /// No segment has these.
    removed: usize,
}

#[inline(always)]
fn difference<'a, F: Frame<'a>>(frame: &F, headers: &Headers, length: u32) -> Difference {
    let (number, offset) = (headers.number, headers.transport_offset);
    if !has_inner_headers(number) {
        return Difference {
            repeated: 0,
            removed: jumbo_bytes(frame, headers.network, headers.network_offset),
        };
    }
    let inner = inner_headers(frame, number, offset, length as usize);
    let repeated = inner.end.saturating_sub(offset + transport_header(number));
    Difference { repeated, removed: inner.jumbo_bytes }
}

#[inline(always)]
fn correct<const HOOK: usize>(ctx: &impl Source, endpoint: u32, payload: u32, difference: Difference) {
    const { assert!(HOOK < HOOKS) };
    let Some(counters) = maps::counters(endpoint) else { return };
    let segments = segments(ctx, payload);
    let added = (segments - 1) * difference.repeated as u64;
    let removed = segments * difference.removed as u64;
    let hook = &mut counters.hooks[HOOK];
    hook.wire_bytes = hook.wire_bytes.wrapping_add(added).wrapping_sub(removed);
}

/// Returns the number of segments, as it was counted.
#[inline(always)]
fn segments(ctx: &impl Source, payload: u32) -> u64 {
    let (count, size) = (ctx.gso_segs(), ctx.gso_size());
    let segments = if count > 0 { count } else { payload.div_ceil(size.max(1)).max(1) };
    segments.into()
}
