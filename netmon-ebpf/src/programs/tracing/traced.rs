//! A packet at a tracepoint, as the programs that follow a conversation see it.
//!
//! Its headers are the copy that the measuring program made. Of the payload, only what that copy contains can be read: a
//! sender's payload lies in pages of its own, which a tracing program has no way to read on every kernel.

use core::{arch::asm, ffi::c_void};

use aya_ebpf::{
    EbpfContext as _, bindings::bpf_func_id::BPF_FUNC_tail_call, btf_maps::ProgramArray, macros::btf_map,
    programs::BtfTracePointContext,
};
use netmon_ebpf::{
    abi::{EGRESS, STAGES},
    endpoint::TcpEvent,
    parse::Packet as _,
};

use super::local::{Local, local};
use crate::programs::{
    Frame,
    headers::Headers,
    kernel::{Copied, Probed, Skb},
    maps,
    source::Source,
};

/// The programs that continue with a packet that has arrived, by stage. The kernel keeps programs of different
/// tracepoints apart.
#[btf_map]
static RECEIVED_TABLE: ProgramArray<STAGES> = ProgramArray::new();

/// The programs that continue with a packet that departs, by stage.
#[btf_map]
static SENT_TABLE: ProgramArray<STAGES> = ProgramArray::new();

/// A packet that was measured at a tracepoint.
pub(crate) struct Traced {
    ctx: *mut c_void,
    skb: Skb,
    local: &'static Local,
}

impl Traced {
    /// Returns the packet that the measuring program left to this one.
    #[inline(always)]
    pub(crate) fn new(ctx: &BtfTracePointContext) -> Option<Self> {
        Some(Self { ctx: ctx.as_ptr(), skb: Skb::of(ctx), local: local()? })
    }
}

impl Source for Traced {
    #[inline(always)]
    fn len(&self) -> u32 {
        self.local.copied.frame
    }

    #[inline(always)]
    fn gso_segs(&self) -> u32 {
        self.skb.gso_segs()
    }

    #[inline(always)]
    fn gso_size(&self) -> u32 {
        self.skb.gso_size()
    }

    #[inline(always)]
    fn headers(&self) -> (u32, Headers) {
        (self.local.place, self.local.found.bounded())
    }

    #[inline(always)]
    fn last_bytes(&self, end: u32, length: u32) -> u64 {
        let bytes: Option<[u8; 8]> = Copied::of(&self.local.copied).load(end.wrapping_sub(8) as usize);
        bytes.map_or(0, |bytes| u64::from_le_bytes(bytes) >> (64 - 8 * length))
    }

    #[inline(always)]
    fn tail_call<const HOOK: usize, const STAGE: usize>(&self) {
        jump::<HOOK, STAGE>(self.ctx);
    }

    #[inline(always)]
    fn count_event(&self, endpoint: u32, event: TcpEvent) {
        count_event(endpoint, event);
    }
}

#[inline(never)]
fn count_event(endpoint: u32, event: TcpEvent) {
    maps::count_event(endpoint, event);
}

impl<'a> Frame<'a> for Copied<'a> {
    type Source = Traced;

    const NON_LINEAR: bool = true;

    #[inline(always)]
    fn new(ctx: &'a Traced) -> Self {
        Self::of(&ctx.local.copied)
    }

    /// There is no other way to read more.
    #[inline(always)]
    fn is_partial(&self, _: &Traced) -> bool {
        false
    }
}

impl<'a> Frame<'a> for Probed<'a> {
    type Source = Traced;

    const NON_LINEAR: bool = true;

    #[inline(always)]
    fn new(ctx: &'a Traced) -> Self {
        Self::of(&ctx.local.copied)
    }

    /// There is no other way to read more.
    #[inline(always)]
    fn is_partial(&self, _: &Traced) -> bool {
        false
    }
}

/// Continues with the program of a stage. Returns only if there is none.
#[inline(always)]
pub(super) fn tail_call<const HOOK: usize, const STAGE: usize>(ctx: &BtfTracePointContext) {
    jump::<HOOK, STAGE>(ctx.as_ptr());
}

#[inline(always)]
fn jump<const HOOK: usize, const STAGE: usize>(ctx: *mut c_void) {
    let table = if HOOK == EGRESS { &raw const SENT_TABLE } else { &raw const RECEIVED_TABLE };
    // SAFETY: the helper takes the context, a program array and an index. Like any helper, it preserves r6 to r9 and the
    // stack. Nothing that is owned here has a destructor.
    unsafe {
        asm!(
            "r3 = {index}",
            "call {helper}",
            index = const STAGE,
            helper = const BPF_FUNC_tail_call,
            inout("r1") ctx => _,
            inout("r2") table => _,
            out("r0") _, out("r3") _, out("r4") _, out("r5") _,
        );
    }
}
