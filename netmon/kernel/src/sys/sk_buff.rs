//! `struct __sk_buff` (`linux/bpf.h`): a packet as a classifier sees it, and as a test run takes it.
//!
//! The generated bindings in `aya-obj` do not have this structure.

use std::mem::offset_of;

/// The context of a classifier.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct SkBuff {
    /// `len` and `pkt_type`
    first: [u32; 2],
    mark: u32,
    /// `queue_mapping` to `tc_index`
    second: [u32; 9],
    cb: [u32; 5],
    /// `hash` and `tc_classid`
    third: [u32; 2],
    data: u32,
    data_end: u32,
    /// `napi_id` to `data_meta`, and `flow_keys`
    fourth: [u32; 17],
    pub(super) tstamp: u64,
    wire_len: u32,
    pub(super) gso_segs: u32,
    sk: u64,
    pub(super) gso_size: u32,
    tstamp_type: u8,
    padding: [u8; 3],
    hwtstamp: u64,
}

/// Where the packet's mark is (`mark`).
pub const MARK: i16 = offset_of!(SkBuff, mark) as i16;
/// Where the five words are that programs pass to each other (`cb`).
pub const CB: i16 = offset_of!(SkBuff, cb) as i16;
/// Where the address of the frame is (`data`).
pub const DATA: i16 = offset_of!(SkBuff, data) as i16;
/// Where the address of the end of the frame is (`data_end`).
pub const DATA_END: i16 = offset_of!(SkBuff, data_end) as i16;
/// Where the packet's time is (`tstamp`).
pub const TSTAMP: i16 = offset_of!(SkBuff, tstamp) as i16;
/// Where the kind of the packet's time is, one byte (`tstamp_type`, Linux 5.18).
pub const TSTAMP_TYPE: i16 = offset_of!(SkBuff, tstamp_type) as i16;

/// The packet's time is a delivery time on the monotonic clock, not the time at which it was received
/// (`BPF_SKB_CLOCK_MONOTONIC`; `BPF_SKB_TSTAMP_DELIVERY_MONO` before Linux 6.11).
pub const CLOCK_MONOTONIC: i32 = 1;

const _: () = {
    assert!(MARK == 8 && CB == 48 && DATA == 76 && DATA_END == 80);
    assert!(TSTAMP == 152 && TSTAMP_TYPE == 180);
    assert!(offset_of!(SkBuff, gso_segs) == 164 && offset_of!(SkBuff, gso_size) == 176);
    assert!(size_of::<SkBuff>() == 192);
};
