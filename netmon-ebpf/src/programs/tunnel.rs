//! Wire bytes of super-packets in a tunnel: each segment repeats the inner headers, too.
//!
//! The program that measured the packet has counted the outer headers for each segment. What is left is done here, so
//! that no other packet pays for it.

use aya_ebpf::programs::TcContext;
use netmon_ebpf::{
    abi::{CB_COUNTED_HEADERS, CB_ENDPOINT, CB_HEADERS, CB_SEGMENTS, HOOKS},
    parse::{Parsed, inner_headers},
};

use super::{Frame, maps};

/// Number of bits for the offset of the first header in [`CB_HEADERS`]. The number of its protocol follows.
const OFFSET_BITS: u32 = 11;

/// Stores in `skb->cb` what [`tunnel`] needs.
#[inline(always)]
pub(super) fn store(ctx: &TcContext, parsed: &Parsed, segments: u32) {
    // SAFETY: words of the context that programs may write.
    unsafe {
        let cb = &raw mut (*ctx.skb.skb).cb;
        (*cb)[CB_HEADERS] = parsed.transport_offset as u32 | u32::from(parsed.number) << OFFSET_BITS;
        (*cb)[CB_SEGMENTS] = segments;
        (*cb)[CB_COUNTED_HEADERS] = parsed.header_bytes as u32;
    }
}

/// Adds what the segments of a super-packet repeat beyond the headers that are counted already.
#[inline(always)]
pub(crate) fn tunnel<'a, const HOOK: usize, F: Frame<'a>>(ctx: &'a TcContext) {
    const { assert!(HOOK < HOOKS) };
    let cb = ctx.cb();
    let headers = cb[CB_HEADERS];
    let offset = (headers & ((1 << OFFSET_BITS) - 1)) as usize;
    let inner = inner_headers(&F::new(ctx), (headers >> OFFSET_BITS) as u8, offset, ctx.len() as usize);
    let uncounted = (inner.end as u64).saturating_sub(cb[CB_COUNTED_HEADERS].into());
    if uncounted == 0 {
        return;
    }
    if let Some(counters) = maps::counters(cb[CB_ENDPOINT]) {
        let segments = u64::from(cb[CB_SEGMENTS]);
        let repeated = (segments - 1) * uncounted;
        // The inner headers are longer than what is removed from them.
        counters.hooks[HOOK].wire_bytes += repeated - segments * inner.jumbo_bytes as u64;
    }
}
