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

use netmon_ebpf::abi::{
    CB_DEPARTURE, CB_ENDPOINT, CB_FLAGS, EGRESS, FLAG_STAMP, INGRESS, Stage, stage_index,
};
use netmon_kernel::sys::{
    bpf::{Instruction, load_classifier},
    raw_tracepoint,
};
use netmon_model::names::{Direction, EndpointId};

/// `offsetof(struct __sk_buff, cb)` (`linux/bpf.h`): twelve words come before.
const SKB_CB: i16 = 48;
/// `offsetof(struct __sk_buff, tstamp)`
const SKB_TSTAMP: i16 = 152;
/// `offsetof(struct __sk_buff, tstamp_type)`
const SKB_TSTAMP_TYPE: i16 = 180;
/// `BPF_SKB_CLOCK_MONOTONIC` (called `BPF_SKB_TSTAMP_DELIVERY_MONO` before Linux 6.11): the time of a packet is
/// a delivery time on the monotonic clock, not the time at which it was received.
const CLOCK_MONOTONIC: i32 = 1;
/// `BPF_FUNC_tail_call`
const TAIL_CALL: i32 = 12;
/// `TC_ACT_UNSPEC`, `TCX_NEXT`: the next program decides.
const NEXT: i32 = -1;

const MOV32_IMMEDIATE: u8 = 0xb4;
const MOV64_IMMEDIATE: u8 = 0xb7;
const STORE_WORD: u8 = 0x63;
const STORE_DOUBLE: u8 = 0x7b;
const LOAD_BYTE: u8 = 0x71;
const LOAD_DOUBLE: u8 = 0x79;
const JUMP_NOT_EQUAL: u8 = 0x55;
const LOAD_64_IMMEDIATE: u8 = 0x18;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// `BPF_PSEUDO_MAP_FD`: the immediate value is a map's descriptor.
const MAP_DESCRIPTOR: u8 = 1;

/// What a dispatcher has to know of its hook.
#[derive(Clone, Copy)]
pub(super) enum Hook {
    /// Where packets arrive.
    Ingress {
        /// The peer stamps its departures, so a delivery time on arrival is its stamp.
        peer_stamps: bool,
    },
    /// Where they leave.
    Egress {
        /// Departures are stamped here.
        stamps: bool,
    },
}

impl Hook {
    const fn direction(self) -> Direction {
        match self {
            Self::Ingress { .. } => Direction::Ingress,
            Self::Egress { .. } => Direction::Egress,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Ingress { .. } => INGRESS,
            Self::Egress { .. } => EGRESS,
        }
    }

    /// Leaves in `skb->cb` what the programs of this hook look for there.
    ///
    /// The stamp is read here and nowhere else: a program that asks for the kind of a packet's time is taken to
    /// know about delivery times, and what it writes at ingress is not made a receive time again.
    fn leave(self) -> Vec<Instruction> {
        match self {
            Self::Egress { stamps } => vec![
                instruction(MOV32_IMMEDIATE, 2, 0, 0, if stamps { FLAG_STAMP.cast_signed() } else { 0 }),
                instruction(STORE_WORD, 1, 2, cb_word(CB_FLAGS), 0),
            ],
            Self::Ingress { peer_stamps: false } => vec![
                instruction(MOV64_IMMEDIATE, 2, 0, 0, 0),
                instruction(STORE_DOUBLE, 1, 2, cb_word(CB_DEPARTURE), 0),
            ],
            Self::Ingress { peer_stamps: true } => vec![
                instruction(MOV64_IMMEDIATE, 2, 0, 0, 0),
                instruction(LOAD_BYTE, 3, 1, SKB_TSTAMP_TYPE, 0),
                instruction(JUMP_NOT_EQUAL, 3, 0, 1, CLOCK_MONOTONIC),
                instruction(LOAD_DOUBLE, 2, 1, SKB_TSTAMP, 0),
                instruction(STORE_DOUBLE, 1, 2, cb_word(CB_DEPARTURE), 0),
            ],
        }
    }
}

/// Loads the dispatcher of one hook. `jump_table` holds the measuring programs; `before` runs ahead of it, and
/// leaves the packet in `r1`, where it was.
///
/// # Errors
///
/// The kernel's answer.
pub(super) fn load(
    endpoint: EndpointId,
    hook: Hook,
    before: &[Instruction],
    jump_table: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    load_classifier(name(hook.direction()), &[before, &assemble(endpoint, hook, jump_table)].concat())
}

/// Loads the program that is at the tracepoint of drops and jumps to the one in `table`. It reads the third argument, the
/// reason, so that the kernel refuses to attach it where there is none (before Linux 5.17).
///
/// # Errors
///
/// The kernel's answer.
pub(super) fn load_for_drops(table: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let program = [
        instruction(LOAD_DOUBLE, 2, 1, 16, 0),
        instruction(LOAD_64_IMMEDIATE, 2, MAP_DESCRIPTOR, 0, table.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(MOV64_IMMEDIATE, 3, 0, 0, 0),
        instruction(CALL, 0, 0, 0, TAIL_CALL),
        instruction(MOV64_IMMEDIATE, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ];
    raw_tracepoint::load("netmon_drops", &program)
}

/// What the kernel shows as the name of a hook's dispatchers.
pub(super) fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "netmon_in",
        Direction::Egress => "netmon_out",
    }
}

fn assemble(endpoint: EndpointId, hook: Hook, jump_table: BorrowedFd<'_>) -> Vec<Instruction> {
    let measure = stage_index(Stage::Measure as usize, hook.index());
    let mut instructions = vec![
        instruction(MOV32_IMMEDIATE, 2, 0, 0, endpoint.0.cast_signed()),
        instruction(STORE_WORD, 1, 2, cb_word(CB_ENDPOINT), 0),
    ];
    instructions.extend(hook.leave());
    instructions.extend([
        instruction(LOAD_64_IMMEDIATE, 2, MAP_DESCRIPTOR, 0, jump_table.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(MOV64_IMMEDIATE, 3, 0, 0, measure.cast_signed()),
        instruction(CALL, 0, 0, 0, TAIL_CALL),
        // Reached only when the jump table is empty: nothing is measured, and nothing is changed.
        instruction(MOV64_IMMEDIATE, 0, 0, 0, NEXT),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    instructions
}

const fn cb_word(word: usize) -> i16 {
    SKB_CB + 4 * word as i16
}

const fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: from << 4 | to, offset, immediate }
}
