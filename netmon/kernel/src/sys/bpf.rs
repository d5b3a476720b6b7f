//! bpf(2) where aya has no call for it: programs that are assembled by hand, and TCX links of them.
//!
//! The structures are the kernel's `union bpf_attr` (`linux/bpf.h`), cut to the fields that are used here;
//! the kernel takes a shorter attribute as one whose rest is zero.
#![expect(unsafe_code, reason = "bpf(2) takes pointers to attributes")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    time::Duration,
};

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TEST_RUN: libc::c_int = 10;
pub(super) const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_PROG_QUERY: libc::c_int = 16;
const BPF_LINK_CREATE: libc::c_int = 28;

/// What the kernel numbers, with the question for the number behind another (`enum bpf_cmd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum ObjectKind {
    /// `BPF_PROG_GET_NEXT_ID`
    Program = 11,
    /// `BPF_MAP_GET_NEXT_ID`
    Map = 12,
    /// `BPF_LINK_GET_NEXT_ID`
    Link = 31,
}

const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
const BPF_F_BEFORE: u32 = 1 << 3;
/// Enough for any chain: the kernel allows 64 programs on a hook (`BPF_MPROG_MAX`).
const MAX_CHAIN: usize = 64;

/// Where a TCX program is attached (`enum bpf_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TcxHook {
    /// `BPF_TCX_INGRESS`
    Ingress = 46,
    /// `BPF_TCX_EGRESS`
    Egress = 47,
}

/// One instruction (`struct bpf_insn`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high four.
    pub registers: u8,
    /// Offset of a memory access or a jump.
    pub offset: i16,
    /// Immediate value.
    pub immediate: i32,
}

#[derive(Default)]
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

#[derive(Default)]
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
    relative_fd: u32,
    padding: u32,
    expected_revision: u64,
}

#[derive(Default)]
#[repr(C)]
struct ProgQuery {
    target_ifindex: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    count: u32,
    padding: u32,
    prog_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}

#[derive(Default)]
#[repr(C)]
pub(super) struct GetInfo {
    pub(super) bpf_fd: u32,
    pub(super) info_len: u32,
    pub(super) info: u64,
}

#[derive(Default)]
#[repr(C)]
struct NextId {
    start_id: u32,
    next_id: u32,
    open_flags: u32,
}

/// The beginning of `struct bpf_prog_info`.
#[derive(Default)]
#[repr(C)]
struct ProgInfo {
    kind: u32,
    id: u32,
}

#[derive(Default)]
#[repr(C)]
struct TestRun {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
}

/// `struct __sk_buff`: the context of a test run. The kernel wants zero wherever it takes nothing.
#[derive(Default)]
#[repr(C)]
struct Packet {
    /// `len` to `tc_classid`.
    not_taken: [u32; 19],
    /// `data` to `data_meta`, then `flow_keys`.
    pointers: [u32; 19],
    tstamp: u64,
    wire_len: u32,
    gso_segs: u32,
    sk: u64,
    gso_size: u32,
    /// `tstamp_type`, and padding.
    tstamp_type: u32,
    hwtstamp: u64,
}

const _: () = {
    assert!(std::mem::offset_of!(Packet, tstamp) == 152);
    assert!(std::mem::offset_of!(Packet, gso_segs) == 164);
    assert!(std::mem::offset_of!(Packet, gso_size) == 176);
    assert!(size_of::<Packet>() == 192);
};

/// Calls bpf(2); the attribute is one of the structures above, all of which are plain integers.
pub(super) fn bpf<T>(command: libc::c_int, attribute: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the attribute lives through the call and its size is given; the pointers inside it were made, here
    // and in `bpf_info`, from slices that live through the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attribute), size_of::<T>()) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

pub(super) fn descriptor(answer: libc::c_long) -> io::Result<OwnedFd> {
    let fd = libc::c_int::try_from(answer).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn number(fd: BorrowedFd<'_>) -> u32 {
    // A descriptor that is open is not negative.
    fd.as_raw_fd().cast_unsigned()
}

/// Loads a traffic-control program.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF` and `CAP_NET_ADMIN`, EINVAL and EACCES from the verifier.
pub fn load_classifier(name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    load_program(BPF_PROG_TYPE_SCHED_CLS, name, instructions)
}

pub(super) fn load_program(kind: u32, name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    let mut prog_name = [0; 16];
    for (to, from) in prog_name.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    let mut attribute = ProgLoad {
        prog_type: kind,
        insn_cnt: u32::try_from(instructions.len()).map_err(io::Error::other)?,
        insns: instructions.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        prog_name,
        ..ProgLoad::default()
    };
    descriptor(bpf(BPF_PROG_LOAD, &mut attribute)?)
}

/// Attaches a program at the head of a TCX chain of an interface in the caller's network namespace.
/// Dropping the link detaches it.
///
/// # Errors
///
/// The kernel's answer: EINVAL before Linux 6.6, ENODEV without such an interface.
pub fn attach_tcx_first(program: BorrowedFd<'_>, ifindex: u32, hook: TcxHook) -> io::Result<OwnedFd> {
    let mut attribute = LinkCreate {
        prog_fd: number(program),
        target_ifindex: ifindex,
        attach_type: hook as u32,
        // "Before" without saying before what is before everything.
        flags: BPF_F_BEFORE,
        ..LinkCreate::default()
    };
    descriptor(bpf(BPF_LINK_CREATE, &mut attribute)?)
}

/// The ids of the programs in a TCX chain, first the one that runs first, of an interface in the caller's
/// network namespace.
///
/// # Errors
///
/// The kernel's answer: EINVAL before Linux 6.6.
pub fn tcx_chain(ifindex: u32, hook: TcxHook) -> io::Result<Vec<u32>> {
    let mut ids = vec![0_u32; MAX_CHAIN];
    let mut attribute = ProgQuery {
        target_ifindex: ifindex,
        attach_type: hook as u32,
        prog_ids: ids.as_mut_ptr() as u64,
        count: MAX_CHAIN as u32,
        ..ProgQuery::default()
    };
    match bpf(BPF_PROG_QUERY, &mut attribute) {
        Ok(_) => {
            ids.truncate(attribute.count as usize);
            Ok(ids)
        }
        // Nothing was ever attached here.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether the kernel has an object of this number. It is asked without opening it, as bpftool would: what
/// is about to go must not be held, and a program array that is opened and closed again while the kernel
/// empties it, because its last user has gone, stays for ever (seen on Linux 6.18).
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
pub fn object_exists(kind: ObjectKind, id: u32) -> io::Result<bool> {
    let mut attribute = NextId { start_id: id.saturating_sub(1), ..NextId::default() };
    match bpf(kind as libc::c_int, &mut attribute) {
        Ok(_) => Ok(attribute.next_id == id),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The kernel's id of a program.
///
/// # Errors
///
/// The kernel's answer.
pub fn program_id(program: impl AsFd) -> io::Result<u32> {
    let mut info = ProgInfo::default();
    let mut attribute = GetInfo {
        bpf_fd: number(program.as_fd()),
        info_len: size_of::<ProgInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attribute)?;
    Ok(info.id)
}

/// How a frame that is many packets on the wire is to be cut; all zero for one that is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// Packets on the wire (`gso_segs`).
    pub segments: u32,
    /// Bytes of payload in each (`gso_size`).
    pub size: u32,
}

/// What came of a test run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// What the program returned.
    pub verdict: i32,
    /// How long one run took on average.
    pub duration: Duration,
    /// The packet's time after the last run, nanoseconds; of which clock, the kernel does not say here.
    pub time_ns: u64,
}

/// Runs a program over a frame, and says what it returned and how long one run took on average.
///
/// # Errors
///
/// As [`test_run_offloaded`].
pub fn test_run(program: impl AsFd, frame: &[u8], repeat: u32) -> io::Result<(i32, Duration)> {
    let outcome = test_run_offloaded(program, frame, Offload::default(), repeat)?;
    Ok((outcome.verdict, outcome.duration))
}

/// Runs a program over a frame that stands for several.
///
/// # Errors
///
/// The kernel's answer: EINVAL for a frame shorter than an Ethernet header or longer than most of a page.
pub fn test_run_offloaded(
    program: impl AsFd,
    frame: &[u8],
    offload: Offload,
    repeat: u32,
) -> io::Result<TestOutcome> {
    let packet = Packet { gso_segs: offload.segments, gso_size: offload.size, ..Packet::default() };
    let mut after = Packet::default();
    let mut attribute = TestRun {
        prog_fd: number(program.as_fd()),
        data_size_in: u32::try_from(frame.len()).map_err(io::Error::other)?,
        data_in: frame.as_ptr() as u64,
        repeat,
        ctx_size_in: size_of::<Packet>() as u32,
        ctx_size_out: size_of::<Packet>() as u32,
        ctx_in: (&raw const packet) as u64,
        ctx_out: (&raw mut after) as u64,
        ..TestRun::default()
    };
    bpf(BPF_PROG_TEST_RUN, &mut attribute)?;
    Ok(TestOutcome {
        verdict: attribute.retval.cast_signed(),
        duration: Duration::from_nanos(attribute.duration.into()),
        time_ns: after.tstamp,
    })
}
