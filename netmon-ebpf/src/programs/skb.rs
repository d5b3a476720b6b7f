//! The frame of an skb as a [`Packet`]: read in place if its bytes are linear, through a helper otherwise.
//!
//! The headers of almost every packet are linear. There is a program for each kind, so that the verifier follows one
//! way of reading at a time.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_skb_load_bytes, programs::TcContext};
use netmon_ebpf::{parse::Packet, tag::SharedWords as _};

use super::{shared_words::Instructions, source::Source};

/// A way to read a frame.
pub(crate) trait Frame<'a>: Packet {
    /// The packet that the frame belongs to.
    type Source: Source;

    /// Whether bytes that are not linear can be read, too.
    const NON_LINEAR: bool;

    /// Returns the frame of a context.
    fn new(ctx: &'a Self::Source) -> Self;

    /// Returns whether a part of the frame cannot be read in this way.
    fn is_partial(&self, ctx: &Self::Source) -> bool;
}

/// A frame at a hook.
pub(crate) trait HookFrame<'a>: Frame<'a, Source = TcContext> {}

impl<'a, F: Frame<'a, Source = TcContext>> HookFrame<'a> for F {}

/// The linear part of a frame.
pub(crate) struct Linear<'a> {
    data: usize,
    end: usize,
    ctx: &'a TcContext,
}

impl<'a> Frame<'a> for Linear<'a> {
    type Source = TcContext;

    const NON_LINEAR: bool = false;

    #[inline(always)]
    fn new(ctx: &'a TcContext) -> Self {
        Self { data: ctx.data(), end: ctx.data_end(), ctx }
    }

    #[inline(always)]
    fn is_partial(&self, ctx: &TcContext) -> bool {
        ((self.end - self.data) as u32) < ctx.len()
    }
}

impl Packet for Linear<'_> {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let start = self.data + offset;
        if start + N > self.end {
            return None;
        }
        // SAFETY: the N bytes from `start` on lie before `data_end`, and any bytes are an array of bytes.
        Some(unsafe { *(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn has_tag_beside(&self) -> bool {
        has_tag_beside(self.ctx)
    }

    #[inline(always)]
    fn obscured(&self, number: usize) -> usize {
        obscured(self.ctx, number)
    }
}

/// The whole frame, including what is not linear.
pub(crate) struct NonLinear<'a>(&'a TcContext);

impl<'a> Frame<'a> for NonLinear<'a> {
    type Source = TcContext;

    const NON_LINEAR: bool = true;

    #[inline(always)]
    fn new(ctx: &'a TcContext) -> Self {
        Self(ctx)
    }

    #[inline(always)]
    fn is_partial(&self, _: &TcContext) -> bool {
        false
    }
}

impl Packet for NonLinear<'_> {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        // SAFETY: the helper writes N bytes to `bytes`, or fails.
        let failed = unsafe {
            bpf_skb_load_bytes(
                self.0.skb.skb.cast::<c_void>(),
                offset as u32,
                bytes.as_mut_ptr().cast::<c_void>(),
                N as u32,
            )
        };
        (failed == 0).then_some(bytes)
    }

    #[inline(always)]
    fn has_tag_beside(&self) -> bool {
        has_tag_beside(self.0)
    }

    #[inline(always)]
    fn obscured(&self, number: usize) -> usize {
        obscured(self.0, number)
    }
}

#[inline(always)]
fn has_tag_beside(ctx: &TcContext) -> bool {
    // SAFETY: a field of the context, which the verifier translates.
    unsafe { (*ctx.skb.skb).vlan_present != 0 }
}

/// Returns `number` after a detour: the exclusive or with a number that the verifier does not know, twice.
#[inline(always)]
fn obscured(ctx: &TcContext, number: usize) -> usize {
    Instructions.obscured(number as u64, ctx.len().into()) as usize
}
