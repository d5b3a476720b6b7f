//! What a frame becomes on the wire, and how it is counted, however the frame was read.

use netmon_ebpf::{Protocol, abi::HOOKS, endpoint::Counters};

use super::maps::element;

/// What a frame becomes on the wire, after a super-packet is cut into segments.
#[derive(Clone, Copy)]
pub(super) struct Wire {
    pub(super) segments: u32,
    bytes: u64,
}

impl Wire {
    /// Computes segments and bytes of a frame. `size` is the length of a segment's payload, 0 if the frame is no
    /// super-packet. Frames from virtual machines and taps may contain only this size, and not the number: `count` is 0
    /// then. For some, [`super::super_bytes`] corrects the bytes.
    #[inline(always)]
    pub(super) fn new(frame: u32, header_bytes: u32, size: u32, count: impl FnOnce() -> u32) -> Self {
        // Almost no frame is a super-packet, and one comparison shows it.
        if size == 0 {
            return Self { segments: 1, bytes: frame.into() };
        }
        let count = count();
        let segments =
            if count > 0 { count } else { frame.saturating_sub(header_bytes).div_ceil(size).max(1) };
        // Each segment after the first repeats the headers.
        let repeated = u64::from(segments - 1) * u64::from(header_bytes);
        Self { segments, bytes: u64::from(frame) + repeated }
    }
}

/// Counts a frame at `HOOK`.
#[inline(always)]
pub(super) fn count<const HOOK: usize>(counters: &mut Counters, protocol: Protocol, frame: u32, wire: Wire) {
    const { assert!(HOOK < HOOKS) };
    let hook = &mut counters.hooks[HOOK];
    if let Some(counter) = element(&mut hook.protocols, protocol as usize) {
        counter.packets += 1;
        counter.bytes += u64::from(frame);
    }
    hook.segments += u64::from(wire.segments);
    hook.wire_bytes += wire.bytes;
}
