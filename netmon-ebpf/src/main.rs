//! The eBPF programs: thin hooks over the parsing and accounting of the library.
//!
//! Each attachment has a dispatcher, which stores the endpoint's id in `skb->cb` and tail-calls the first program.
//! That program tail-calls others for what only few packets need. None changes a verdict: every path returns "next".

#![no_std]
#![no_main]
// For instructions that `core` has no functions for on this target.
#![feature(asm_experimental_arch)]
// The programs follow pointers that the verifier checks, and the compiler cannot.
#![allow(unsafe_code, reason = "helpers and map values are reached through raw pointers")]

mod programs;

use aya_ebpf::{
    macros::{btf_tracepoint, classifier, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext, TcContext},
};
use netmon_ebpf::abi::{EGRESS, INGRESS};

use self::programs::{
    Copied, Linear, NonLinear, Probed, conversation, drops, measure, super_bytes, tcp,
    tracing::{self, Traced},
    udp,
};

/// `TC_ACT_UNSPEC` for a filter on clsact, `TCX_NEXT` in a TCX chain: the next program decides.
const NEXT: i32 = -1;

/// Defines a program for one hook.
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

/// Defines the programs of the jump table, first those at ingress, then those at egress.
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

/// Counts a packet that the kernel drops.
#[expect(clippy::needless_pass_by_value, reason = "aya's macro calls it with a value")]
#[raw_tracepoint(tracepoint = "kfree_skb")]
pub(crate) fn netmon_drop(ctx: RawTracePointContext) -> i32 {
    // Most drops on a host are not on an endpoint.
    let _ = drops::dropped(&ctx);
    0
}

/// Defines a tracing program.
macro_rules! tracing_program {
    ($name:ident at $tracepoint:literal, $ctx:ident => $body:expr) => {
        #[doc = concat!("`", stringify!($body), "` at `", $tracepoint, "`.")]
        #[btf_tracepoint(function = $tracepoint)]
        pub(crate) fn $name($ctx: BtfTracePointContext) -> i32 {
            // Most packets of a host are of no watched interface.
            let _ = $body;
            0
        }
    };
}

tracing_program!(netmon_queued at "net_dev_queue", ctx => tracing::queued(&ctx));
tracing_program!(netmon_sent at "net_dev_start_xmit", ctx => tracing::sent(&ctx));
tracing_program!(netmon_received at "netif_receive_skb", ctx => tracing::received(&ctx));

/// Defines the programs that continue with a packet at a tracepoint.
macro_rules! followers {
    ($([$($stage:ident),+]: $received:ident, $sent:ident => $module:ident::$body:ident($frame:ident);)*) => {
        $(
            tracing_program!($received at "netif_receive_skb", ctx =>
                Traced::new(&ctx).map(|packet| $module::$body::<INGRESS, $frame<'_>>(&packet)));
            tracing_program!($sent at "net_dev_start_xmit", ctx =>
                Traced::new(&ctx).map(|packet| $module::$body::<EGRESS, $frame<'_>>(&packet)));
        )*
    };
}

netmon_ebpf::for_each_follower!(followers);

/// Nothing here panics, but the linker wants the symbol.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel offers some helpers to GPL-compatible programs only. This package is dual MIT/GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
