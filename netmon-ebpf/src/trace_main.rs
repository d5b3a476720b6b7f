//! The eBPF programs of `netmon trace`: an object of its own, which is loaded for a trace and gone with it.
//!
//! They are attached to tracepoints and not to hooks. One attachment sees every interface of every namespace, is made in
//! a moment however many links a lab has, and ends with the process, however that ends. The tracepoints are where
//! netmon's own hooks are: a packet passes `netif_receive_skb` just before the ingress hook, and `net_dev_queue` just
//! after the egress hook, before its queue.

#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "helpers and map values are reached through raw pointers")]

#[path = "programs/trace.rs"]
mod trace;

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use netmon_ebpf::trace::{ARRIVES, DROPPED, LEAVES};

/// Defines a program for one tracepoint.
macro_rules! program {
    ($name:ident at $tracepoint:literal reports $hook:ident) => {
        #[doc = concat!("Reports packets of the trace at `", $tracepoint, "`.")]
        #[raw_tracepoint(tracepoint = $tracepoint)]
        pub(crate) fn $name(ctx: RawTracePointContext) -> i32 {
            // Most packets of a host are not part of the trace.
            let _ = trace::report::<$hook>(&ctx);
            0
        }
    };
}

program!(netmon_trace_in at "netif_receive_skb" reports ARRIVES);
program!(netmon_trace_out at "net_dev_queue" reports LEAVES);
program!(netmon_trace_drop at "kfree_skb" reports DROPPED);

/// Nothing here panics, but the linker wants the symbol.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel offers some helpers to GPL-compatible programs only. This package is dual MIT/GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
