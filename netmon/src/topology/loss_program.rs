//! The program that drops a share of the packets that leave an interface, each independently.
//!
//! It is a few instructions with the share as a constant, assembled for each share. It runs after the measuring
//! program, which never changes a verdict itself, and before the qdisc: a packet that it drops was counted as sent, and
//! uses nothing of the rate. It counts a super-packet (GSO) as one packet.
//!
//! The sender must not notice, as it would not notice a loss on the wire. The kernel reports a verdict of
//! `TC_ACT_SHOT` to the sender: TCP then considers the packet never sent, and ping sends another. So the program marks
//! the packet, for the count of drops, and redirects it to interface 0, which never exists. The redirect drops it, and
//! the sender gets the usual result.

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

/// The program's name in the kernel.
pub const PROGRAM: &str = "netmon_loss";

/// Loads the program for this share.
///
/// # Errors
///
/// Returns the kernel's answer: EPERM without `CAP_BPF` and `CAP_NET_ADMIN`.
pub fn load(loss: Loss) -> io::Result<OwnedFd> {
    load_classifier(PROGRAM, &assemble(loss))
}

/// Returns how many of the 2^32 random numbers mean a drop.
fn threshold(loss: Loss) -> u64 {
    let million = 1_000_000_u64;
    ((u64::from(loss.ppm()) << 32) + million / 2) / million
}

fn assemble(loss: Loss) -> Vec<Instruction> {
    // Keeps the packet in a register that calls preserve.
    let mut program = vec![mov64_reg(R6, R1)];
    // 2^32 does not fit: then every packet is dropped, and no number is needed.
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

    fn loss(text: &str) -> Loss {
        text.parse().unwrap()
    }

    #[test]
    fn the_threshold_is_the_share_of_all_numbers() {
        assert_eq!(threshold(loss("0%")), 0);
        assert_eq!(threshold(loss("50%")), 1 << 31);
        assert_eq!(threshold(loss("0.0001%")), 4_295);
        assert_eq!(threshold(loss("100%")), 1 << 32);
        assert_eq!(assemble(loss("50%"))[2].imm, i32::MIN, "compared without its sign");
    }

    #[test]
    fn a_loss_of_all_packets_needs_no_random_number() {
        let compares = jmp32_imm(Condition::Less, R0, 0, 0).code;
        assert!(assemble(loss("100%")).iter().all(|one| one.code != compares));
        assert!(assemble(loss("99.9999%")).iter().any(|one| one.code == compares));
    }
}
