//! The dispatcher: a tiny program for each attachment that identifies the endpoint.
//!
//! No field of a packet identifies the interface exactly: an ifindex is unique only in its namespace. So every
//! attachment has a program of its own with the endpoint's id, and the number of its namespace, as a constant. It stores
//! them in `skb->cb` and tail-calls the measuring program, which all endpoints share. That is exact on every kernel, and about as fast as a
//! constant (`cargo xtask bench datapath`).

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use netmon_ebpf::{
    abi::{
        CB_DEPARTURE, CB_EXPECTED, CB_NUMBER, CB_PLACE, EGRESS, INGRESS, Stage, netns_number, place,
        stage_index,
    },
    stamp::Expected,
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
use netmon_model::names::{Cookie, Direction, EndpointId};

/// The hook of a dispatcher, with the settings that it needs.
#[derive(Clone, Copy)]
pub(super) enum Hook {
    /// Packets arrive.
    Ingress {
        /// The stamps of the peer. `None` if it does not stamp its departures.
        expected: Option<Expected>,
    },
    /// Packets leave.
    Egress {
        /// The number of the stamps that are given here. 0 if departures are not stamped.
        number: u32,
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

    /// Returns the instructions that store in `skb->cb` what the programs of this hook read there.
    ///
    /// The stamp is read here and nowhere else. The kernel takes a program that reads the kind of a packet's time to know
    /// about delivery times, and then does not turn what it writes at ingress back into a receive time.
    fn leave(self) -> Vec<Instruction> {
        match self {
            Self::Egress { number } => {
                vec![mov32_imm(R2, number), stx_mem(Width::Word, R1, R2, cb_word(CB_NUMBER))]
            }
            Self::Ingress { expected: None } => {
                vec![mov64_imm(R2, 0), stx_mem(Width::Double, R1, R2, cb_word(CB_DEPARTURE))]
            }
            Self::Ingress { expected: Some(expected) } => {
                let mut instructions = vec![
                    mov64_imm(R2, 0),
                    ldx_mem(Width::Byte, R3, R1, sk_buff::TSTAMP_TYPE),
                    jmp_imm(Condition::NotEqual, R3, sk_buff::CLOCK_MONOTONIC, 1),
                    ldx_mem(Width::Double, R2, R1, sk_buff::TSTAMP),
                    stx_mem(Width::Double, R1, R2, cb_word(CB_DEPARTURE)),
                ];
                for (half, word) in expected.halves().into_iter().zip(CB_EXPECTED) {
                    instructions.extend([mov32_imm(R2, half), stx_mem(Width::Word, R1, R2, cb_word(word))]);
                }
                instructions
            }
        }
    }
}

/// Loads the dispatcher of one hook of an endpoint in a namespace. `jump_table` holds the measuring programs. `before` runs
/// ahead of the dispatcher, and must leave the packet in `r1`.
///
/// # Errors
///
/// Fails if the kernel refuses the program.
pub(super) fn load(
    (endpoint, netns): (EndpointId, Cookie),
    hook: Hook,
    before: &[Instruction],
    jump_table: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let place = place(endpoint.0, netns_number(netns.0));
    load_classifier(name(hook.direction()), &[before, &assemble(place, hook, jump_table)].concat())
}

/// Loads the program for the tracepoint of drops, which jumps to the one in `table`. It reads the third argument, the
/// reason, so that the kernel refuses to attach it where there is no reason (before Linux 5.17).
///
/// # Errors
///
/// Fails if the kernel refuses the program.
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

/// Returns the kernel's name for a hook's dispatchers.
pub(super) fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "netmon_in",
        Direction::Egress => "netmon_out",
    }
}

fn assemble(place: u32, hook: Hook, jump_table: BorrowedFd<'_>) -> Vec<Instruction> {
    let measure = stage_index(Stage::Measure as usize, hook.index());
    let mut instructions = vec![mov32_imm(R2, place), stx_mem(Width::Word, R1, R2, cb_word(CB_PLACE))];
    instructions.extend(hook.leave());
    instructions.extend(ld_map_fd(R2, jump_table));
    instructions.extend([
        mov64_imm(R3, measure.cast_signed()),
        call(Helper::BPF_FUNC_tail_call),
        // Reached only if the jump table is empty: the packet passes unmeasured and unchanged.
        mov64_imm(R0, TCX_NEXT),
        exit(),
    ]);
    instructions
}

const fn cb_word(word: usize) -> i16 {
    sk_buff::CB + 4 * word as i16
}
