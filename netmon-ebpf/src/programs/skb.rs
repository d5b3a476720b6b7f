//! The frame of an skb as a [`Packet`]: directly where its bytes are linear, through a helper where not.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_skb_load_bytes, programs::TcContext};
use netmon_ebpf::parse::Packet;

/// The linear part of a frame, read in place.
pub(super) struct Linear {
    data: usize,
    end: usize,
}

impl Linear {
    #[inline(always)]
    pub(super) fn of(ctx: &TcContext) -> Self {
        Self { data: ctx.data(), end: ctx.data_end() }
    }

    /// Bytes that can be read in place.
    #[inline(always)]
    pub(super) fn len(&self) -> u32 {
        (self.end - self.data) as u32
    }
}

impl Packet for Linear {
    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let start = self.data + offset;
        if start + N > self.end {
            return None;
        }
        // SAFETY: the N bytes from `start` on lie before `data_end`; any bytes are an array of bytes.
        Some(unsafe { *(start as *const [u8; N]) })
    }
}

/// The whole frame, read through a helper.
pub(super) struct Whole<'a>(pub(super) &'a TcContext);

impl Packet for Whole<'_> {
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
}
