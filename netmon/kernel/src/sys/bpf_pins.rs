//! bpf(2) for what is pinned: files of a bpf file system that hold maps and links, and what a link is attached to.
#![expect(unsafe_code, reason = "what the kernel says of a link is a union")]

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use super::bpf::{BPF_OBJ_GET_INFO_BY_FD, GetInfo, TcxHook, bpf, descriptor, number};

const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_OBJ_PIN: libc::c_int = 6;
const BPF_OBJ_GET: libc::c_int = 7;
const BPF_LINK_DETACH: libc::c_int = 34;

/// `BPF_MAP_TYPE_ARRAY`
const ARRAY: u32 = 2;
/// `BPF_LINK_TYPE_RAW_TRACEPOINT`
const RAW_TRACEPOINT: u32 = 1;
/// `BPF_LINK_TYPE_TCX`
const TCX: u32 = 11;

#[derive(Default)]
#[repr(C)]
struct Object {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

#[derive(Default)]
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
}

#[derive(Default)]
#[repr(C)]
struct LinkDetach {
    link_fd: u32,
}

/// The beginning of `struct bpf_link_info`, with the largest union that is of interest.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct LinkInfo {
    kind: u32,
    id: u32,
    prog_id: u32,
    padding: u32,
    place: Place,
}

/// What a link of one kind or another is attached to.
#[derive(Clone, Copy)]
#[repr(C)]
union Place {
    tcx: Tcx,
    tracepoint: Tracepoint,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Tcx {
    ifindex: u32,
    attach_type: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Tracepoint {
    name: u64,
    name_length: u32,
    padding: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self { tracepoint: Tracepoint { name: 0, name_length: 0, padding: 0 } }
    }
}

const _: () = {
    assert!(std::mem::offset_of!(LinkInfo, place) == 16);
    assert!(size_of::<LinkInfo>() == 32);
};

/// Where a link's program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPlace {
    /// A TCX chain.
    Tcx {
        /// The interface's number in its namespace; 0 once it is gone, or the link was detached.
        ifindex: u32,
        /// Which chain.
        hook: TcxHook,
    },
    /// A raw tracepoint.
    Tracepoint,
    /// Something else.
    Other,
}

/// A link: which program is attached where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The program's id.
    pub program: u32,
    /// Where it is attached.
    pub place: LinkPlace,
}

/// Makes an array of words.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF`.
pub fn make_array(name: &str, entries: u32) -> io::Result<OwnedFd> {
    let mut map_name = [0; 16];
    for (to, from) in map_name.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    let mut attribute = MapCreate {
        map_type: ARRAY,
        key_size: 4,
        value_size: 4,
        max_entries: entries,
        map_name,
        ..MapCreate::default()
    };
    descriptor(bpf(BPF_MAP_CREATE, &mut attribute)?)
}

fn path_of(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

/// Gives a map, program or link a name in a bpf file system, which keeps it when nobody has it open any more.
///
/// # Errors
///
/// The kernel's answer: EEXIST when the name is taken, EPERM for a name with a dot or outside such a file system.
pub fn pin(object: impl AsFd, path: &Path) -> io::Result<()> {
    let path = path_of(path)?;
    let mut attribute =
        Object { pathname: path.as_ptr() as u64, bpf_fd: number(object.as_fd()), file_flags: 0 };
    bpf(BPF_OBJ_PIN, &mut attribute).map(drop)
}

/// Opens what is pinned under a name.
///
/// # Errors
///
/// The kernel's answer: ENOENT when there is nothing, EACCES when it is no eBPF object.
pub fn pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = path_of(path)?;
    let mut attribute = Object { pathname: path.as_ptr() as u64, ..Object::default() };
    descriptor(bpf(BPF_OBJ_GET, &mut attribute)?)
}

/// What a link is.
///
/// # Errors
///
/// The kernel's answer.
pub fn link(link: impl AsFd) -> io::Result<Link> {
    let mut info = LinkInfo::default();
    let mut attribute = GetInfo {
        bpf_fd: number(link.as_fd()),
        info_len: size_of::<LinkInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attribute)?;
    let place = match info.kind {
        TCX => {
            // SAFETY: plain integers, all of which are initialised, whatever the kernel wrote.
            let Tcx { ifindex, attach_type } = unsafe { info.place.tcx };
            let hooks = [TcxHook::Ingress, TcxHook::Egress];
            let hook = hooks.into_iter().find(|hook| *hook as u32 == attach_type);
            hook.map_or(LinkPlace::Other, |hook| LinkPlace::Tcx { ifindex, hook })
        }
        RAW_TRACEPOINT => LinkPlace::Tracepoint,
        _ => LinkPlace::Other,
    };
    Ok(Link { program: info.prog_id, place })
}

/// Takes a link's program off, whoever else has the link open or pinned. When this returns, it does not run any more.
///
/// # Errors
///
/// The kernel's answer: ENOLINK when it is off already, EOPNOTSUPP for a tracepoint's link, which goes when it is
/// closed and unpinned.
pub fn detach_link(link: impl AsFd) -> io::Result<()> {
    bpf(BPF_LINK_DETACH, &mut LinkDetach { link_fd: number(link.as_fd()) }).map(drop)
}
