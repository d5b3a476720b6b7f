//! What a tracing program needs while it runs, and what it leaves to the program that continues with the packet.

use aya_ebpf::{btf_maps::PerCpuArray, macros::btf_map};
use netmon_ebpf::tracing::KnownInterfaces;

use crate::programs::{headers::Headers, kernel};

/// One CPU's part. A program for arrivals is not interrupted by one for departures, and the kernel runs none twice at once
/// on a CPU.
#[repr(C)]
pub(super) struct Local {
    pub(super) known: KnownInterfaces,
    /// The address of the packet, on its way from a pointer to a number.
    pub(super) address: u64,
    pub(super) copied: kernel::Headers,
    /// Where the packet is ([`netmon_ebpf::abi::place`]).
    pub(super) place: u32,
    /// Where its headers are, if another program continues with it.
    pub(super) found: Headers,
}

/// One for each CPU.
#[btf_map]
static TRACING_LOCAL: PerCpuArray<Local, 1> = PerCpuArray::new();

/// Returns this CPU's.
#[inline(always)]
pub(super) fn local() -> Option<&'static mut Local> {
    let local = TRACING_LOCAL.get_ptr_mut(0)?;
    // SAFETY: this CPU's value, which no other program uses meanwhile. It is all zeros at first, which is a value.
    Some(unsafe { &mut *local })
}
