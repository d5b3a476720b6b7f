//! XDP programs: they take packets before any other hook of the interface. netmon attaches none; its tests attach some as
//! other programs do.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use aya_obj::generated::{XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, bpf_attach_type, bpf_cmd, bpf_prog_type};

use super::{
    bpf::{attribute, bpf, descriptor, load_program, number},
    insn::Instruction,
};

/// `XDP_DROP`.
pub const XDP_DROP: i32 = 1;
/// `XDP_PASS`.
pub const XDP_PASS: i32 = 2;

/// Where an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum XdpMode {
    /// In the interface's driver.
    Native = XDP_FLAGS_DRV_MODE,
    /// In the kernel's receive path, after the driver.
    Generic = XDP_FLAGS_SKB_MODE,
}

/// Loads an XDP program.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF` and `CAP_NET_ADMIN`, EINVAL and EACCES from the verifier.
pub fn load(name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    load_program(bpf_prog_type::BPF_PROG_TYPE_XDP, name, instructions)
}

/// Attaches a program to an interface in the caller's network namespace. Dropping the link detaches it.
///
/// # Errors
///
/// The kernel's answer: EBUSY if there is one already, ENODEV without such an interface.
pub fn attach(program: BorrowedFd<'_>, ifindex: u32, mode: XdpMode) -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.link_create.__bindgen_anon_1.prog_fd = number(program);
    attribute.link_create.__bindgen_anon_2.target_ifindex = ifindex;
    attribute.link_create.attach_type = bpf_attach_type::BPF_XDP as u32;
    attribute.link_create.flags = mode as u32;
    descriptor(bpf(bpf_cmd::BPF_LINK_CREATE, &mut attribute)?)
}
