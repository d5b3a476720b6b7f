//! Programs assembled by hand: what the datapath is compared with, and what runs ahead of it in a measurement.
//!
//! Operation codes are those of the kernel's `Documentation/bpf/standardization/instruction-set.rst`.

use netmon_kernel::sys::bpf::Instruction;

/// `BPF_FUNC_ktime_get_ns`
const KTIME_GET_NS: i32 = 5;
/// `BPF_FUNC_skb_set_tstamp`
const SKB_SET_TSTAMP: i32 = 192;
/// `offsetof(struct __sk_buff, data)`; `data_end` comes next.
const SKB_DATA: i16 = 76;

/// What every program here ends with: the next one decides.
pub(crate) fn next() -> Vec<Instruction> {
    vec![immediate(0xb7, 0, -1), immediate(0x95, 0, 0)]
}

/// Reads the clock, and nothing else.
pub(crate) fn clock() -> Vec<Instruction> {
    [vec![immediate(0x85, 0, KTIME_GET_NS)], next()].concat()
}

/// Stamps the packet with the present time, as the peer's egress hook does.
pub(crate) fn stamp() -> Vec<Instruction> {
    vec![
        registers(0xbf, 6, 1, 0),
        immediate(0x85, 0, KTIME_GET_NS),
        registers(0xbf, 1, 6, 0),
        registers(0xbf, 2, 0, 0),
        immediate(0xb7, 3, 1),
        immediate(0x85, 0, SKB_SET_TSTAMP),
        registers(0xbf, 1, 6, 0),
    ]
}

/// Adds `step` to the 32-bit number in network byte order at `offset` of the frame, so that a segment that is
/// run again is the next one, and not the same one sent again.
pub(crate) fn advance(offset: i16, step: i32) -> Vec<Instruction> {
    const BE32: u8 = 0xdc;
    vec![
        registers(0xbf, 6, 1, 0),
        registers(0x61, 7, 1, SKB_DATA),
        registers(0x61, 8, 1, SKB_DATA + 4),
        registers(0xbf, 2, 7, 0),
        immediate(0x07, 2, i32::from(offset) + 4),
        // Behind the store, if the frame ends before.
        registers(0x2d, 2, 8, 5),
        registers(0x61, 2, 7, offset),
        immediate(BE32, 2, 32),
        immediate(0x07, 2, step),
        immediate(BE32, 2, 32),
        registers(0x63, 7, 2, offset),
        registers(0xbf, 1, 6, 0),
    ]
}

fn immediate(code: u8, to: u8, immediate: i32) -> Instruction {
    Instruction { code, registers: to, offset: 0, immediate }
}

fn registers(code: u8, to: u8, from: u8, offset: i16) -> Instruction {
    Instruction { code, registers: from << 4 | to, offset, immediate: 0 }
}
