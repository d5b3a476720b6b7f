//! The program that drops a share of the packets that leave, each by itself.
//!
//! It is a few instructions with the share as a constant, made for each share that is asked for and loaded by whoever
//! imposes it. It stands behind the measuring program, which never changes a verdict itself, and before the qdisc: a
//! packet that it drops was counted as sent, and takes nothing of the rate. A super-packet (GSO) is one packet to it.
//!
//! Whoever sends it must not know: a line loses packets without a word. A verdict that drops (`TC_ACT_SHOT`) is told to the
//! sender, whose TCP then takes the packet for never sent, and whose ping sends another. So the packet is marked, for
//! the count of drops, and sent on to an interface that there is not, as the kernel numbers none with 0: there it
//! is dropped, and the sender is told what it is told of any other.

use std::{io, os::fd::OwnedFd};

use netmon_ebpf::drops::LOSS_MARK;
use netmon_kernel::sys::{
    bpf::load_classifier,
    insn::{
        Condition, Helper, Instruction,
        Register::{R0, R1, R2, R6},
        TCX_NEXT, Width, call, exit, jmp32_imm, mov64_imm, mov64_reg, stx_mem,
    },
    sk_buff,
};
use netmon_model::impairment::Loss;

/// What the kernel shows as the name of the program.
pub const PROGRAM: &str = "netmon_loss";

/// Loads the program for this share.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF` and `CAP_NET_ADMIN`.
pub fn load(loss: Loss) -> io::Result<OwnedFd> {
    load_classifier(PROGRAM, &assemble(loss))
}

/// How many of 2^32 random numbers are a drop.
fn threshold(loss: Loss) -> u64 {
    let million = 1_000_000_u64;
    ((u64::from(loss.ppm()) << 32) + million / 2) / million
}

fn assemble(loss: Loss) -> Vec<Instruction> {
    // The packet, which calls leave alone in this register.
    let mut program = vec![mov64_reg(R6, R1)];
    // For all of them there is no such number.
    if let Ok(threshold) = u32::try_from(threshold(loss)) {
        program.extend([
            call(Helper::BPF_FUNC_get_prandom_u32),
            jmp32_imm(Condition::Less, R0, threshold, 2),
            mov64_imm(R0, TCX_NEXT),
            exit(),
        ]);
    }
    program.extend([
        mov64_imm(R1, LOSS_MARK.cast_signed()),
        stx_mem(Width::Word, R6, R1, sk_buff::MARK),
        mov64_imm(R1, 0),
        mov64_imm(R2, 0),
        call(Helper::BPF_FUNC_redirect),
        exit(),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Loss {
        text.parse().unwrap()
    }

    #[test]
    fn the_threshold_is_the_share_of_all_numbers() {
        assert_eq!(threshold(of("0%")), 0);
        assert_eq!(threshold(of("50%")), 1 << 31);
        assert_eq!(threshold(of("0.0001%")), 4_295);
        assert_eq!(threshold(of("100%")), 1 << 32);
        assert_eq!(assemble(of("50%"))[2].imm, i32::MIN, "compared without its sign");
    }

    #[test]
    fn all_is_no_matter_of_chance() {
        let compares = jmp32_imm(Condition::Less, R0, 0, 0).code;
        assert!(assemble(of("100%")).iter().all(|one| one.code != compares));
        assert!(assemble(of("99.9999%")).iter().any(|one| one.code == compares));
    }
}
