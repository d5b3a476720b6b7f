//! What the programs that follow a conversation need of a packet, besides its frame: the same at a hook and at a tracepoint.

use core::ffi::c_void;

use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_skb_load_bytes, programs::TcContext};
use aya_log_ebpf::debug;
use netmon_ebpf::endpoint::TcpEvent;

use super::{headers::Headers, maps};

/// A packet that is being measured.
pub(crate) trait Source {
    /// Returns the length of the frame, including the link-layer header.
    fn len(&self) -> u32;

    /// Returns the number of segments of a super-packet; 0 if it does not say, or the packet is none.
    fn gso_segs(&self) -> u32;

    /// Returns the length of a segment's payload; 0 if the packet is no super-packet.
    fn gso_size(&self) -> u32;

    /// Returns the endpoint's [`place`](netmon_ebpf::abi::place) and the headers, as the measuring program found them.
    fn headers(&self) -> (u32, Headers);

    /// Returns the `length` bytes of the frame before `end` as a little-endian number, at most eight. The headers in front
    /// are longer than that, so eight bytes can always be read. Returns 0 if they cannot be read in this way.
    fn last_bytes(&self, end: u32, length: u32) -> u64;

    /// Continues with the program of a stage. Returns only if there is none.
    fn tail_call<const HOOK: usize, const STAGE: usize>(&self);

    /// Counts an event of a TCP connection.
    fn count_event(&self, endpoint: u32, event: TcpEvent);
}

impl Source for TcContext {
    #[inline(always)]
    fn len(&self) -> u32 {
        self.skb.len()
    }

    #[inline(always)]
    fn gso_segs(&self) -> u32 {
        // SAFETY: a field of the context, which the verifier translates.
        unsafe { (*self.skb.skb).gso_segs }
    }

    #[inline(always)]
    fn gso_size(&self) -> u32 {
        // SAFETY: a field of the context, which the verifier translates.
        unsafe { (*self.skb.skb).gso_size }
    }

    #[inline(always)]
    fn headers(&self) -> (u32, Headers) {
        Headers::load(self)
    }

    #[inline(always)]
    fn last_bytes(&self, end: u32, length: u32) -> u64 {
        last_bytes(self.skb.skb, end, length)
    }

    #[inline(always)]
    fn tail_call<const HOOK: usize, const STAGE: usize>(&self) {
        maps::tail_call::<HOOK, STAGE>(self);
    }

    #[inline(always)]
    fn count_event(&self, endpoint: u32, event: TcpEvent) {
        count_event(self.skb.skb, endpoint, event);
    }
}

/// TCP keeps the payload of what it sends outside the linear part of an skb, so it is always read through the helper.
#[inline(never)]
fn last_bytes(skb: *mut __sk_buff, end: u32, length: u32) -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: the helper writes eight bytes to `bytes`, or fails.
    let failed = unsafe {
        bpf_skb_load_bytes(skb.cast::<c_void>(), end.wrapping_sub(8), bytes.as_mut_ptr().cast::<c_void>(), 8)
    };
    if failed == 0 { u64::from_le_bytes(bytes) >> (64 - 8 * length) } else { 0 }
}

#[inline(never)]
fn count_event(skb: *mut __sk_buff, endpoint: u32, event: TcpEvent) {
    if maps::count_event(endpoint, event) {
        debug!(&TcContext::new(skb), "endpoint {}: tcp connection, event {}", endpoint, event as u32);
    }
}
