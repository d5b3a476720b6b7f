//! Wire bytes of BIG TCP over IPv6: no segment has the header with the jumbo payload option.
//!
//! The program that measured the packet has counted that header for each segment. It is subtracted here, so that no other
//! packet pays for it.

use aya_ebpf::programs::TcContext;
use netmon_ebpf::{
    abi::{HOOKS, Stage},
    parse::jumbo_bytes,
};

use super::{Frame, headers::Headers, maps};

/// Subtracts the header of each segment, and hands the packet to the program that follows its connection.
#[inline(always)]
pub(crate) fn jumbo<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    const { assert!(HOOK < HOOKS) };
    let (endpoint, headers) = Headers::load(ctx);
    let removed = jumbo_bytes(&F::new(ctx), headers.network_offset);
    if removed > 0
        && let Some(counters) = maps::counters(endpoint)
    {
        counters.hooks[HOOK].wire_bytes -= segments(ctx, headers.payload) * removed as u64;
    }
    if maps::flows() {
        maps::tail_call::<HOOK, { Stage::TcpNonLinear as usize }>(ctx);
    }
}

/// Returns the number of segments, as it was counted.
#[inline(always)]
fn segments(ctx: &TcContext, payload: u32) -> u64 {
    // SAFETY: fields of the context, which the verifier translates.
    let (count, size) = unsafe { ((*ctx.skb.skb).gso_segs, (*ctx.skb.skb).gso_size) };
    let segments = if count > 0 { count } else { payload.div_ceil(size.max(1)).max(1) };
    segments.into()
}
