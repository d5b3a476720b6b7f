//! The dispatcher: a tiny program for each attachment, which says which endpoint this is.
//!
//! No field of a packet tells exactly which interface of which namespace it passes: an ifindex is unique in
//! its namespace only. So every attachment has a program of its own with the endpoint's id as a constant;
//! it leaves the id in `skb->cb` and tail-calls the measuring program, which all endpoints share. That is
//! exact on every kernel, and about as fast as a constant (`cargo xtask bench datapath`).

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd},
};

use netmon_ebpf::abi::{CB_ENDPOINT, CB_FLAGS, EGRESS, INGRESS, Stage, stage_index};

use crate::{
    names::{Direction, EndpointId},
    sys::bpf::{Instruction, load_classifier},
};

/// `offsetof(struct __sk_buff, cb)` (`linux/bpf.h`): twelve words come before.
const SKB_CB: i16 = 48;
/// `BPF_FUNC_tail_call`
const TAIL_CALL: i32 = 12;
/// `TC_ACT_UNSPEC`, `TCX_NEXT`: the next program decides.
const NEXT: i32 = -1;

const MOV32_IMMEDIATE: u8 = 0xb4;
const MOV64_IMMEDIATE: u8 = 0xb7;
const STORE_WORD: u8 = 0x63;
const LOAD_64_IMMEDIATE: u8 = 0x18;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// `BPF_PSEUDO_MAP_FD`: the immediate value is a map's descriptor.
const MAP_DESCRIPTOR: u8 = 1;

/// Loads the dispatcher of one hook. `jump_table` holds the measuring programs, `flags` are the ABI's;
/// `before` runs ahead of it, and leaves the packet in `r1`, where it was.
///
/// # Errors
///
/// The kernel's answer.
pub(super) fn load(
    endpoint: EndpointId,
    direction: Direction,
    flags: u32,
    before: &[Instruction],
    jump_table: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    load_classifier(name(direction), &[before, &assemble(endpoint, direction, flags, jump_table)].concat())
}

/// What the kernel shows as the name of a hook's dispatchers.
pub(super) fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "netmon_in",
        Direction::Egress => "netmon_out",
    }
}

fn assemble(
    endpoint: EndpointId,
    direction: Direction,
    flags: u32,
    jump_table: BorrowedFd<'_>,
) -> [Instruction; 10] {
    let hook = match direction {
        Direction::Ingress => INGRESS,
        Direction::Egress => EGRESS,
    };
    [
        instruction(MOV32_IMMEDIATE, 2, 0, 0, endpoint.0.cast_signed()),
        instruction(STORE_WORD, 1, 2, cb_word(CB_ENDPOINT), 0),
        instruction(MOV32_IMMEDIATE, 2, 0, 0, flags.cast_signed()),
        instruction(STORE_WORD, 1, 2, cb_word(CB_FLAGS), 0),
        instruction(LOAD_64_IMMEDIATE, 2, MAP_DESCRIPTOR, 0, jump_table.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(MOV64_IMMEDIATE, 3, 0, 0, stage_index(Stage::Measure as usize, hook).cast_signed()),
        instruction(CALL, 0, 0, 0, TAIL_CALL),
        // Reached only when the jump table is empty: nothing is measured, and nothing is changed.
        instruction(MOV64_IMMEDIATE, 0, 0, 0, NEXT),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

const fn cb_word(word: usize) -> i16 {
    SKB_CB + 4 * word as i16
}

const fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: from << 4 | to, offset, immediate }
}
