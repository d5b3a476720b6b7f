//! Instructions that stamp a packet as an egress hook does. `BPF_PROG_TEST_RUN` cannot set the clock of a packet's time.

use netmon_ebpf::stamp::{NUMBER_BITS, number_of};
use netmon_kernel::sys::{
    insn::{
        Helper, Instruction,
        Register::{R0, R1, R2, R3, R6},
        add64_imm, and64_imm, call, mov64_imm, mov64_reg,
    },
    sk_buff,
};
use netmon_model::names::EndpointId;

/// Stamps the packet with the present time, as a stamp of this endpoint. The packet is in `r1` before and after.
#[must_use]
pub fn stamped_by(endpoint: EndpointId) -> Vec<Instruction> {
    vec![
        mov64_reg(R6, R1),
        call(Helper::BPF_FUNC_ktime_get_ns),
        mov64_reg(R1, R6),
        mov64_reg(R2, R0),
        and64_imm(R2, -(1 << NUMBER_BITS)),
        add64_imm(R2, number_of(endpoint.0).cast_signed()),
        mov64_imm(R3, sk_buff::CLOCK_MONOTONIC),
        call(Helper::BPF_FUNC_skb_set_tstamp),
        mov64_reg(R1, R6),
    ]
}
