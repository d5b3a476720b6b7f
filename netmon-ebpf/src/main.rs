//! The eBPF programs: two thin hooks over the parsing and accounting of the library.
//!
//! A dispatcher of four instructions, one for each attachment, leaves the endpoint's id in `skb->cb` and
//! tail-calls one of these. They never change a verdict: every path returns "next".

#![no_std]
#![no_main]
// Programs are unsafe by nature: they follow pointers that the verifier has checked.
#![allow(unsafe_code, reason = "helpers and map values are reached through raw pointers")]

mod programs;

use aya_ebpf::{macros::classifier, programs::TcContext};
use netmon_ebpf::abi::{ABI_VERSION, EGRESS, INGRESS};

/// The version of keys and values that these programs were compiled with.
#[unsafe(no_mangle)]
static NETMON_ABI: aya_ebpf::Global<u32> = aya_ebpf::Global::new(ABI_VERSION);

/// `TC_ACT_UNSPEC` for a filter on clsact, `TCX_NEXT` in a TCX chain: the next program decides.
const NEXT: i32 = -1;

/// What arrives in the namespace.
#[classifier]
pub(crate) fn netmon_ingress(ctx: TcContext) -> i32 {
    programs::observe::<INGRESS>(&ctx);
    NEXT
}

/// What leaves the namespace.
#[classifier]
pub(crate) fn netmon_egress(ctx: TcContext) -> i32 {
    programs::observe::<EGRESS>(&ctx);
    NEXT
}

/// Nothing here panics; the linker wants the symbol all the same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Some helpers are for GPL-compatible programs only; this package is dual MIT/GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
