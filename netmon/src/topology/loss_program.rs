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
use netmon_kernel::sys::bpf::{Instruction, load_classifier};
use netmon_model::impairment::Loss;

/// What the kernel shows as the name of the program.
pub const PROGRAM: &str = "netmon_loss";
/// `BPF_FUNC_get_prandom_u32`
const RANDOM: i32 = 7;
/// `BPF_FUNC_redirect`
const REDIRECT: i32 = 23;
/// Where `struct __sk_buff` has `mark`.
const MARK: i16 = 8;
/// `TC_ACT_UNSPEC`: the next filter decides.
const NEXT: i32 = -1;

const MOV64: u8 = 0xbf;
const MOV64_IMMEDIATE: u8 = 0xb7;
const STORE32: u8 = 0x63;
/// Of the lower 32 bits, without their sign (Linux 5.1).
const JUMP32_LESS: u8 = 0xa6;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

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
    let mut program = vec![instruction(MOV64, to(6, 1), 0, 0)];
    // For all of them there is no such number.
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

/// Both registers of an instruction.
const fn to(destination: u8, source: u8) -> u8 {
    source << 4 | destination
}

const fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers, offset, immediate }
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
        assert_eq!(assemble(of("50%"))[2].immediate, i32::MIN, "compared without its sign");
    }

    #[test]
    fn all_is_no_matter_of_chance() {
        assert!(assemble(of("100%")).iter().all(|one| one.code != JUMP32_LESS));
        assert!(assemble(of("99.9999%")).iter().any(|one| one.code == JUMP32_LESS));
    }
}
