//! The dispatcher: a tiny program for each attachment, which says which endpoint this is.
//!
//! No field of a packet tells exactly which interface of which namespace it passes: an ifindex is unique in
//! its namespace only. So every attachment has a program of its own with the endpoint's id as a constant;
//! it leaves the id in `skb->cb` and tail-calls the measuring program, which all endpoints share. That is
//! exact on every kernel, and about as fast as a constant (`cargo xtask bench datapath`).

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use netmon_ebpf::abi::{
    CB_DEPARTURE, CB_ENDPOINT, CB_FLAGS, EGRESS, FLAG_STAMP, INGRESS, Stage, stage_index,
};
use netmon_kernel::sys::{
    bpf::load_classifier,
    insn::{
        Condition, Helper, Instruction,
        Register::{R0, R1, R2, R3},
        TCX_NEXT, Width, call, exit, jmp_imm, ld_map_fd, ldx_mem, mov32_imm, mov64_imm, stx_mem,
    },
    raw_tracepoint, sk_buff,
};
use netmon_model::names::{Direction, EndpointId};

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
                mov32_imm(R2, if stamps { FLAG_STAMP } else { 0 }),
                stx_mem(Width::Word, R1, R2, cb_word(CB_FLAGS)),
            ],
            Self::Ingress { peer_stamps: false } => {
                vec![mov64_imm(R2, 0), stx_mem(Width::Double, R1, R2, cb_word(CB_DEPARTURE))]
            }
            Self::Ingress { peer_stamps: true } => vec![
                mov64_imm(R2, 0),
                ldx_mem(Width::Byte, R3, R1, sk_buff::TSTAMP_TYPE),
                jmp_imm(Condition::NotEqual, R3, sk_buff::CLOCK_MONOTONIC, 1),
                ldx_mem(Width::Double, R2, R1, sk_buff::TSTAMP),
                stx_mem(Width::Double, R1, R2, cb_word(CB_DEPARTURE)),
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
    let [map, map_end] = ld_map_fd(R2, table);
    let program = [
        ldx_mem(Width::Double, R2, R1, 16),
        map,
        map_end,
        mov64_imm(R3, 0),
        call(Helper::BPF_FUNC_tail_call),
        mov64_imm(R0, 0),
        exit(),
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
    let mut instructions =
        vec![mov32_imm(R2, endpoint.0), stx_mem(Width::Word, R1, R2, cb_word(CB_ENDPOINT))];
    instructions.extend(hook.leave());
    instructions.extend(ld_map_fd(R2, jump_table));
    instructions.extend([
        mov64_imm(R3, measure.cast_signed()),
        call(Helper::BPF_FUNC_tail_call),
        // Reached only when the jump table is empty: nothing is measured, and nothing is changed.
        mov64_imm(R0, TCX_NEXT),
        exit(),
    ]);
    instructions
}

const fn cb_word(word: usize) -> i16 {
    sk_buff::CB + 4 * word as i16
}
