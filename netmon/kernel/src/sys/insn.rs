//! eBPF instructions, by the names of the kernel's macros (`include/linux/filter.h`): what netmon assembles by hand.
//!
//! Only the instructions that netmon uses. The operation codes are defined in RFC 9669. Offsets of packet fields are in
//! [`super::sk_buff`].
//!
//! # Examples
//!
//! A classifier that leaves the decision to the next program:
//!
//! ```
//! use netmon_kernel::sys::insn::{Register::R0, TCX_NEXT, exit, mov64_imm};
//!
//! let program = [mov64_imm(R0, TCX_NEXT), exit()];
//! ```

use std::os::fd::{AsRawFd as _, BorrowedFd};

use aya_obj::generated::{
    BPF_ADD, BPF_ALU, BPF_ALU64, BPF_AND, BPF_B, BPF_CALL, BPF_DW, BPF_END, BPF_EXIT, BPF_IMM, BPF_JEQ,
    BPF_JGT, BPF_JLT, BPF_JMP, BPF_JMP32, BPF_JNE, BPF_K, BPF_LD, BPF_LDX, BPF_MEM, BPF_MOV,
    BPF_PSEUDO_MAP_FD, BPF_STX, BPF_TO_BE, BPF_W, BPF_X,
};
pub use aya_obj::generated::{bpf_func_id as Helper, bpf_insn as Instruction};

/// The verdict of a classifier that leaves the decision to the next one (also `TC_ACT_UNSPEC`).
pub const TCX_NEXT: i32 = -1;
/// The verdict that passes a packet on without asking the next classifier (also `TC_ACT_OK`).
pub const TCX_PASS: i32 = 0;
/// The verdict that drops a packet (also `TC_ACT_SHOT`).
pub const TCX_DROP: i32 = 2;

/// A register. R0 has a call's result, R1 to R5 its arguments, which are undefined afterwards; R1 is the context at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "a register has nothing but its number")]
pub enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
}

/// The width of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Width {
    /// 8 bits.
    Byte = BPF_B,
    /// 32 bits.
    Word = BPF_W,
    /// 64 bits.
    Double = BPF_DW,
}

/// The condition of a jump. The comparisons are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Condition {
    /// Equal.
    Equal = BPF_JEQ,
    /// Not equal.
    NotEqual = BPF_JNE,
    /// Greater.
    Greater = BPF_JGT,
    /// Less.
    Less = BPF_JLT,
}

fn instruction(code: u32, to: Register, from: Register, off: i16, imm: i32) -> Instruction {
    Instruction {
        // All codes are of one byte.
        code: code as u8,
        _bitfield_align_1: [],
        _bitfield_1: Instruction::new_bitfield_1(to as u8, from as u8),
        off,
        imm,
    }
}

/// `to = from`
#[must_use]
pub fn mov64_reg(to: Register, from: Register) -> Instruction {
    instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
}

/// `to = value`, sign-extended.
#[must_use]
pub fn mov64_imm(to: Register, value: i32) -> Instruction {
    instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, Register::R0, 0, value)
}

/// `to = value`, zero-extended.
#[must_use]
pub fn mov32_imm(to: Register, value: u32) -> Instruction {
    instruction(BPF_ALU | BPF_MOV | BPF_K, to, Register::R0, 0, value.cast_signed())
}

/// `to += value`
#[must_use]
pub fn add64_imm(to: Register, value: i32) -> Instruction {
    instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, Register::R0, 0, value)
}

/// `to &= value`, where the value is extended by its sign
#[must_use]
pub fn and64_imm(to: Register, value: i32) -> Instruction {
    instruction(BPF_ALU64 | BPF_AND | BPF_K, to, Register::R0, 0, value)
}

/// Converts the lower 32 bits of `to` to network byte order, or back.
#[must_use]
pub fn endian_be32(to: Register) -> Instruction {
    instruction(BPF_ALU | BPF_END | BPF_TO_BE, to, Register::R0, 0, 32)
}

/// `to = *(from + offset)`
#[must_use]
pub fn ldx_mem(width: Width, to: Register, from: Register, offset: i16) -> Instruction {
    instruction(BPF_LDX | BPF_MEM | width as u32, to, from, offset, 0)
}

/// `*(to + offset) = from`
#[must_use]
pub fn stx_mem(width: Width, to: Register, from: Register, offset: i16) -> Instruction {
    instruction(BPF_STX | BPF_MEM | width as u32, to, from, offset, 0)
}

/// `to = map`. The map must stay open until the program is loaded.
#[must_use]
pub fn ld_map_fd(to: Register, map: BorrowedFd<'_>) -> [Instruction; 2] {
    let mut first = instruction(BPF_LD | BPF_DW | BPF_IMM, to, Register::R0, 0, map.as_raw_fd());
    // No register: the kind of the immediate value.
    first.set_src_reg(BPF_PSEUDO_MAP_FD as u8);
    [first, instruction(0, Register::R0, Register::R0, 0, 0)]
}

/// Skips `skip` instructions if the condition holds between a register and a value, which is sign-extended.
#[must_use]
pub fn jmp_imm(condition: Condition, register: Register, value: i32, skip: i16) -> Instruction {
    instruction(BPF_JMP | condition as u32 | BPF_K, register, Register::R0, skip, value)
}

/// Skips `skip` instructions if the condition holds between two registers.
#[must_use]
pub fn jmp_reg(condition: Condition, register: Register, other: Register, skip: i16) -> Instruction {
    instruction(BPF_JMP | condition as u32 | BPF_X, register, other, skip, 0)
}

/// Skips `skip` instructions if the condition holds between the lower 32 bits of a register and a value (Linux 5.1).
#[must_use]
pub fn jmp32_imm(condition: Condition, register: Register, value: u32, skip: i16) -> Instruction {
    instruction(BPF_JMP32 | condition as u32 | BPF_K, register, Register::R0, skip, value.cast_signed())
}

/// Calls a helper of the kernel.
#[must_use]
pub fn call(helper: Helper) -> Instruction {
    instruction(BPF_JMP | BPF_CALL, Register::R0, Register::R0, 0, helper as i32)
}

/// Ends the program; its result is in R0.
#[must_use]
pub fn exit() -> Instruction {
    instruction(BPF_JMP | BPF_EXIT, Register::R0, Register::R0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::{Register::*, *};

    /// Operation code, registers (destination in the low half), offset and value, as a dump of bpftool shows them.
    fn fields(one: Instruction) -> (u8, u8, u8, i16, i32) {
        (one.code, one.dst_reg(), one.src_reg(), one.off, one.imm)
    }

    #[test]
    fn operation_codes_are_those_of_rfc_9669() {
        assert_eq!(fields(mov64_reg(R6, R1)), (0xbf, 6, 1, 0, 0));
        assert_eq!(fields(mov64_imm(R0, TCX_NEXT)), (0xb7, 0, 0, 0, -1));
        assert_eq!(fields(mov32_imm(R2, u32::MAX)), (0xb4, 2, 0, 0, -1));
        assert_eq!(fields(add64_imm(R2, 4)), (0x07, 2, 0, 0, 4));
        assert_eq!(fields(and64_imm(R2, -64)), (0x57, 2, 0, 0, -64));
        assert_eq!(fields(endian_be32(R2)), (0xdc, 2, 0, 0, 32));
        assert_eq!(fields(ldx_mem(Width::Byte, R3, R1, 180)), (0x71, 3, 1, 180, 0));
        assert_eq!(fields(ldx_mem(Width::Word, R7, R1, 76)), (0x61, 7, 1, 76, 0));
        assert_eq!(fields(ldx_mem(Width::Double, R2, R1, 152)), (0x79, 2, 1, 152, 0));
        assert_eq!(fields(stx_mem(Width::Word, R1, R2, 48)), (0x63, 1, 2, 48, 0));
        assert_eq!(fields(stx_mem(Width::Double, R1, R2, 48)), (0x7b, 1, 2, 48, 0));
        assert_eq!(fields(jmp_imm(Condition::Equal, R0, 0, 2)), (0x15, 0, 0, 2, 0));
        assert_eq!(fields(jmp_imm(Condition::NotEqual, R3, 1, 1)), (0x55, 3, 0, 1, 1));
        assert_eq!(fields(jmp_reg(Condition::Greater, R2, R8, 5)), (0x2d, 2, 8, 5, 0));
        assert_eq!(fields(jmp32_imm(Condition::Less, R0, 1 << 31, 2)), (0xa6, 0, 0, 2, i32::MIN));
        assert_eq!(fields(call(Helper::BPF_FUNC_tail_call)), (0x85, 0, 0, 0, 12));
        assert_eq!(fields(exit()), (0x95, 0, 0, 0, 0));
    }

    #[test]
    fn a_map_takes_two_instructions_of_which_the_second_is_empty() {
        use std::os::fd::AsFd as _;
        let file = std::fs::File::open("/dev/null").unwrap();
        let [first, second] = ld_map_fd(R2, file.as_fd()).map(fields);
        assert_eq!(first, (0x18, 2, 1, 0, file.as_raw_fd()));
        assert_eq!(second, (0, 0, 0, 0, 0));
    }
}
