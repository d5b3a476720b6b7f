//! bpf(2) for raw tracepoints: programs that are assembled by hand, and their links.

use std::{
    ffi::CStr,
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use aya_obj::generated::{bpf_cmd, bpf_prog_type};

use super::{
    bpf::{attribute, bpf, descriptor, load_program, number},
    insn::Instruction,
};

/// Loads a program for a raw tracepoint.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF` and `CAP_PERFMON`, EINVAL and EACCES from the verifier.
pub fn load(name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    load_program(bpf_prog_type::BPF_PROG_TYPE_RAW_TRACEPOINT, name, instructions)
}

/// Attaches a program to the tracepoint of this name. Dropping the link detaches it, unless it is pinned.
///
/// # Errors
///
/// The kernel's answer: ENOENT if there is no such tracepoint, EINVAL if the program reads more arguments than it has.
pub fn attach(program: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.raw_tracepoint.name = name.as_ptr() as u64;
    attribute.raw_tracepoint.prog_fd = number(program);
    descriptor(bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &mut attribute)?)
}
