//! The eBPF programs: thin hooks over the parsing and accounting of the library.
//!
//! A dispatcher, one for each attachment, leaves the endpoint's id in `skb->cb` and tail-calls the first of
//! these; it tail-calls another for what few packets need. None changes a verdict: every path returns "next".

#![no_std]
#![no_main]
// For one instruction that `core` has no name for on this target.
#![feature(asm_experimental_arch)]
// Programs are unsafe by nature: they follow pointers that the verifier has checked.
#![allow(unsafe_code, reason = "helpers and map values are reached through raw pointers")]

mod programs;

use aya_ebpf::{
    macros::{classifier, raw_tracepoint},
    programs::{RawTracePointContext, TcContext},
};
use netmon_ebpf::abi::{EGRESS, INGRESS};

use self::programs::{Linear, NonLinear, conversation, drops, measure, tcp};

/// `TC_ACT_UNSPEC` for a filter on clsact, `TCX_NEXT` in a TCX chain: the next program decides.
const NEXT: i32 = -1;

/// A program at one hook.
macro_rules! program {
    ($name:ident at $hook:ident => $module:ident::$body:ident($frame:ident)) => {
        #[doc = concat!("`", stringify!($module), "::", stringify!($body), "` at ", stringify!($hook), ".")]
        #[classifier]
        pub(crate) fn $name(ctx: TcContext) -> i32 {
            $module::$body::<$hook, $frame<'_>>(&ctx);
            NEXT
        }
    };
}

/// The programs of the jump table, at either hook.
macro_rules! programs {
    ($(
        $(#[$doc:meta])*
        $stage:ident: $ingress:ident, $egress:ident => $module:ident::$body:ident($frame:ident),
    )*) => {
        $(program!($ingress at INGRESS => $module::$body($frame));)*
        $(program!($egress at EGRESS => $module::$body($frame));)*
    };
}

netmon_ebpf::for_each_stage!(programs);

/// A packet that the kernel drops.
#[expect(clippy::needless_pass_by_value, reason = "this is how aya's macro calls it")]
#[raw_tracepoint(tracepoint = "kfree_skb")]
pub(crate) fn netmon_drop(ctx: RawTracePointContext) -> i32 {
    // Most drops of a host are on no endpoint.
    let _ = drops::dropped(&ctx);
    0
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
