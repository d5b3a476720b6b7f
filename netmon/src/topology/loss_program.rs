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
use netmon_kernel::sys::bpf::{Instruction, load_classifier};
use netmon_model::impairment::Loss;

/// The program's name in the kernel.
pub const PROGRAM: &str = "netmon_loss";
/// `BPF_FUNC_get_prandom_u32`
const RANDOM: i32 = 7;
/// `BPF_FUNC_redirect`
const REDIRECT: i32 = 23;
/// The offset of `mark` in `struct __sk_buff`.
const MARK: i16 = 8;
/// `TC_ACT_UNSPEC`: the next filter decides.
const NEXT: i32 = -1;

const MOV64: u8 = 0xbf;
const MOV64_IMMEDIATE: u8 = 0xb7;
const STORE32: u8 = 0x63;
/// Compares the lower 32 bits as unsigned (Linux 5.1).
const JUMP32_LESS: u8 = 0xa6;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

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
    let mut program = vec![instruction(MOV64, to(6, 1), 0, 0)];
    // 2^32 does not fit: then every packet is dropped, and no number is needed.
    if let Ok(threshold) = u32::try_from(threshold(loss)) {
        program.extend([
            instruction(CALL, 0, 0, RANDOM),
            instruction(JUMP32_LESS, 0, 2, threshold.cast_signed()),
            instruction(MOV64_IMMEDIATE, 0, 0, NEXT),
            instruction(EXIT, 0, 0, 0),
        ]);
    }
    program.extend([
        instruction(MOV64_IMMEDIATE, 1, 0, LOSS_MARK.cast_signed()),
        instruction(STORE32, to(6, 1), MARK, 0),
        instruction(MOV64_IMMEDIATE, 1, 0, 0),
        instruction(MOV64_IMMEDIATE, 2, 0, 0),
        instruction(CALL, 0, 0, REDIRECT),
        instruction(EXIT, 0, 0, 0),
    ]);
    program
}

/// Encodes both registers of an instruction.
const fn to(destination: u8, source: u8) -> u8 {
    source << 4 | destination
}

const fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers, offset, immediate }
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
        assert_eq!(assemble(loss("50%"))[2].immediate, i32::MIN, "compared without its sign");
    }

    #[test]
    fn a_loss_of_all_packets_needs_no_random_number() {
        assert!(assemble(loss("100%")).iter().all(|one| one.code != JUMP32_LESS));
        assert!(assemble(loss("99.9999%")).iter().any(|one| one.code == JUMP32_LESS));
    }
}
