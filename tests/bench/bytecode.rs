//! Programs assembled by hand: what the datapath is compared with, and what runs ahead of it in a measurement.

use netmon_kernel::sys::{
    insn::{
        Condition, Helper, Instruction,
        Register::{R0, R1, R2, R6, R7, R8},
        TCX_NEXT, Width, add64_imm, call, endian_be32, exit, jmp_reg, ldx_mem, mov64_imm, mov64_reg, stx_mem,
    },
    sk_buff,
};

/// What every program here ends with: the next one decides.
pub(crate) fn next() -> Vec<Instruction> {
    vec![mov64_imm(R0, TCX_NEXT), exit()]
}

/// Reads the clock, and nothing else.
pub(crate) fn clock() -> Vec<Instruction> {
    [vec![call(Helper::BPF_FUNC_ktime_get_ns)], next()].concat()
}

/// Adds `step` to the 32-bit number in network byte order at `offset` of the frame, so that a segment that is
/// run again is the next one, and not the same one sent again.
pub(crate) fn advance(offset: i16, step: i32) -> Vec<Instruction> {
    vec![
        mov64_reg(R6, R1),
        ldx_mem(Width::Word, R7, R1, sk_buff::DATA),
        ldx_mem(Width::Word, R8, R1, sk_buff::DATA_END),
        mov64_reg(R2, R7),
        add64_imm(R2, i32::from(offset) + 4),
        // Behind the store, if the frame ends before.
        jmp_reg(Condition::Greater, R2, R8, 5),
        ldx_mem(Width::Word, R2, R7, offset),
        endian_be32(R2),
        add64_imm(R2, step),
        endian_be32(R2),
        stx_mem(Width::Word, R7, R2, offset),
        mov64_reg(R1, R6),
    ]
}
