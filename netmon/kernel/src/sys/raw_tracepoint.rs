//! bpf(2) for raw tracepoints: programs that are assembled by hand, and their links.

use std::{
    ffi::CStr,
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use super::bpf::{Instruction, bpf, descriptor, load_program, number};

const BPF_RAW_TRACEPOINT_OPEN: libc::c_int = 17;
const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;

#[derive(Default)]
#[repr(C)]
struct Open {
    name: u64,
    prog_fd: u32,
    padding: u32,
}

/// Loads a program for a raw tracepoint.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF` and `CAP_PERFMON`, EINVAL and EACCES from the verifier.
pub fn load(name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    load_program(BPF_PROG_TYPE_RAW_TRACEPOINT, name, instructions)
}

/// Attaches a program to the tracepoint of this name. Dropping the link detaches it, unless it is pinned.
///
/// # Errors
///
/// The kernel's answer: ENOENT when there is none of this name, EINVAL when the program reads more arguments than
/// it has.
pub fn attach(program: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let mut attribute = Open { name: name.as_ptr() as u64, prog_fd: number(program), padding: 0 };
    descriptor(bpf(BPF_RAW_TRACEPOINT_OPEN, &mut attribute)?)
}
