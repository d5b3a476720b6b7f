//! bpf(2) where aya has no call for it: programs that are assembled by hand, TCX links of them, and test runs.
//!
//! Attributes and numbers are those of the generated bindings in `aya-obj`, which aya itself uses.
#![expect(unsafe_code, reason = "bpf(2) takes pointers to attributes, which are a union")]

use std::{
    ffi::c_char,
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    time::Duration,
};

use aya_obj::generated::{
    BPF_F_BEFORE, BPF_OBJ_NAME_LEN, bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_info, bpf_prog_type,
};

use super::{insn::Instruction, sk_buff::SkBuff};

/// A kind of object that the kernel numbers, by the command that finds the next number (`enum bpf_cmd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum ObjectKind {
    /// A program.
    Program = bpf_cmd::BPF_PROG_GET_NEXT_ID as u32,
    /// A map.
    Map = bpf_cmd::BPF_MAP_GET_NEXT_ID as u32,
    /// A link.
    Link = bpf_cmd::BPF_LINK_GET_NEXT_ID as u32,
}

/// The longest chain: the kernel allows 64 programs on a hook (`BPF_MPROG_MAX`).
const MAX_CHAIN: usize = 64;

/// Where a TCX program is attached (`enum bpf_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TcxHook {
    /// Packets that arrive.
    Ingress = bpf_attach_type::BPF_TCX_INGRESS as u32,
    /// Packets that leave.
    Egress = bpf_attach_type::BPF_TCX_EGRESS as u32,
}

/// Returns an attribute whose fields are all zero: for each of them that means "not given".
pub(super) fn attribute() -> bpf_attr {
    // SAFETY: the union holds integers only, of which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// Calls bpf(2).
pub(super) fn bpf(command: bpf_cmd, attribute: &mut bpf_attr) -> io::Result<libc::c_long> {
    call(command as u32, attribute)
}

fn call(command: u32, attribute: &mut bpf_attr) -> io::Result<libc::c_long> {
    // SAFETY: the attribute lives through the call and its size is given. The pointers in it were made, here and in
    // the modules beside this one, from memory that lives through the call and is as large as the attribute says.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attribute), size_of::<bpf_attr>())
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

pub(super) fn descriptor(answer: libc::c_long) -> io::Result<OwnedFd> {
    let fd = libc::c_int::try_from(answer).map_err(io::Error::other)?;
    // SAFETY: the kernel has just returned this descriptor, and nothing else refers to it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn number(fd: BorrowedFd<'_>) -> u32 {
    // An open descriptor is not negative.
    fd.as_raw_fd().cast_unsigned()
}

/// Reads what the kernel says of an object (`BPF_OBJ_GET_INFO_BY_FD`).
pub(super) fn object_info<T: Info>(object: BorrowedFd<'_>) -> io::Result<T> {
    // SAFETY: the implementors of `Info` hold integers and unions of integers only, of which zero is a value.
    let mut info: T = unsafe { std::mem::zeroed() };
    let mut attribute = attribute();
    attribute.info.bpf_fd = number(object);
    attribute.info.info_len = size_of::<T>() as u32;
    attribute.info.info = (&raw mut info) as u64;
    bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attribute)?;
    Ok(info)
}

/// What the kernel says of a program, a map or a link.
///
/// # Safety
///
/// Every pattern of bits is a value of the type.
#[expect(unsafe_code, reason = "the kernel writes to it")]
pub(super) unsafe trait Info {}

// SAFETY: integers, and a bit field of one.
unsafe impl Info for bpf_prog_info {}

/// Returns a name as the kernel takes it: its first 15 bytes, and zeros.
pub(super) fn object_name(name: &str) -> [c_char; BPF_OBJ_NAME_LEN as usize] {
    let mut bytes = [0; BPF_OBJ_NAME_LEN as usize];
    for (to, from) in bytes.iter_mut().take(BPF_OBJ_NAME_LEN as usize - 1).zip(name.bytes()) {
        *to = from as c_char;
    }
    bytes
}

/// Loads a traffic-control program.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF` and `CAP_NET_ADMIN`, EINVAL and EACCES from the verifier.
pub fn load_classifier(name: &str, instructions: &[Instruction]) -> io::Result<OwnedFd> {
    load_program(bpf_prog_type::BPF_PROG_TYPE_SCHED_CLS, name, instructions)
}

pub(super) fn load_program(
    kind: bpf_prog_type,
    name: &str,
    instructions: &[Instruction],
) -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.__bindgen_anon_3.prog_type = kind as u32;
    attribute.__bindgen_anon_3.insn_cnt = u32::try_from(instructions.len()).map_err(io::Error::other)?;
    attribute.__bindgen_anon_3.insns = instructions.as_ptr() as u64;
    attribute.__bindgen_anon_3.license = c"Dual MIT/GPL".as_ptr() as u64;
    attribute.__bindgen_anon_3.prog_name = object_name(name);
    descriptor(bpf(bpf_cmd::BPF_PROG_LOAD, &mut attribute)?)
}

/// Attaches a program at the head of a TCX chain of an interface in the caller's network namespace.
/// Dropping the link detaches it.
///
/// # Errors
///
/// The kernel's answer: EINVAL before Linux 6.6, ENODEV without such an interface.
pub fn attach_tcx_first(program: BorrowedFd<'_>, ifindex: u32, hook: TcxHook) -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.link_create.__bindgen_anon_1.prog_fd = number(program);
    attribute.link_create.__bindgen_anon_2.target_ifindex = ifindex;
    attribute.link_create.attach_type = hook as u32;
    // "Before" without a program or link to be before means before all.
    attribute.link_create.flags = BPF_F_BEFORE;
    descriptor(bpf(bpf_cmd::BPF_LINK_CREATE, &mut attribute)?)
}

/// Returns the ids of the programs in a TCX chain of an interface in the caller's network namespace, in the order in
/// which they run.
///
/// # Errors
///
/// The kernel's answer: EINVAL before Linux 6.6.
pub fn tcx_chain(ifindex: u32, hook: TcxHook) -> io::Result<Vec<u32>> {
    let mut ids = vec![0_u32; MAX_CHAIN];
    let mut attribute = attribute();
    attribute.query.__bindgen_anon_1.target_ifindex = ifindex;
    attribute.query.attach_type = hook as u32;
    attribute.query.prog_ids = ids.as_mut_ptr() as u64;
    attribute.query.__bindgen_anon_2.count = MAX_CHAIN as u32;
    match bpf(bpf_cmd::BPF_PROG_QUERY, &mut attribute) {
        Ok(_) => {
            // SAFETY: an integer.
            ids.truncate(unsafe { attribute.query.__bindgen_anon_2.count } as usize);
            Ok(ids)
        }
        // Nothing has been attached here yet.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Returns whether the kernel has an object with this id.
///
/// The object is not opened: that would keep alive what is about to be freed. A program array that is opened and closed
/// again while the kernel empties it, because its last user has exited, stays for ever (seen on Linux 6.18).
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
pub fn object_exists(kind: ObjectKind, id: u32) -> io::Result<bool> {
    let mut attribute = attribute();
    attribute.__bindgen_anon_6.__bindgen_anon_1.start_id = id.saturating_sub(1);
    match call(kind as u32, &mut attribute) {
        // SAFETY: an integer.
        Ok(_) => Ok(unsafe { attribute.__bindgen_anon_6.next_id } == id),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the kernel's id of a program.
///
/// # Errors
///
/// The kernel's answer.
pub fn program_id(program: impl AsFd) -> io::Result<u32> {
    object_info(program.as_fd()).map(|info: bpf_prog_info| info.id)
}

/// How a frame that is many packets on the wire is to be segmented. All zero for an ordinary frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// Packets on the wire (`gso_segs`).
    pub segments: u32,
    /// Bytes of payload in each (`gso_size`).
    pub size: u32,
}

/// The result of a test run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// What the program returned.
    pub verdict: i32,
    /// The average duration of one run.
    pub duration: Duration,
    /// The packet's time after the last run, in nanoseconds. The kernel does not say of which clock.
    pub time_ns: u64,
}

/// Runs a program over a frame. Returns its verdict and the average duration of a run.
///
/// # Errors
///
/// As [`test_run_offloaded`].
pub fn test_run(program: impl AsFd, frame: &[u8], repeat: u32) -> io::Result<(i32, Duration)> {
    let outcome = test_run_offloaded(program, frame, Offload::default(), repeat)?;
    Ok((outcome.verdict, outcome.duration))
}

/// Runs a program over a frame that stands for several packets.
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
    // The kernel requires zero in every field that it does not take.
    let mut packet = SkBuff::default();
    (packet.gso_segs, packet.gso_size) = (offload.segments, offload.size);
    let mut after = SkBuff::default();
    let mut attribute = attribute();
    attribute.test.prog_fd = number(program.as_fd());
    attribute.test.data_size_in = u32::try_from(frame.len()).map_err(io::Error::other)?;
    attribute.test.data_in = frame.as_ptr() as u64;
    attribute.test.repeat = repeat;
    attribute.test.ctx_size_in = size_of::<SkBuff>() as u32;
    attribute.test.ctx_size_out = size_of::<SkBuff>() as u32;
    attribute.test.ctx_in = (&raw const packet) as u64;
    attribute.test.ctx_out = (&raw mut after) as u64;
    bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attribute)?;
    // SAFETY: integers.
    let (verdict, nanoseconds) = unsafe { (attribute.test.retval, attribute.test.duration) };
    Ok(TestOutcome {
        verdict: verdict.cast_signed(),
        duration: Duration::from_nanos(nanoseconds.into()),
        time_ns: after.tstamp,
    })
}
