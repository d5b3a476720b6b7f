//! bpf(2) for pinned objects: files of a bpf file system that hold maps and links, and what a link is attached to.
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

use aya_obj::generated::{bpf_cmd, bpf_link_info, bpf_link_type, bpf_map_type};

use super::bpf::{Info, TcxHook, attribute, bpf, descriptor, number, object_info, object_name};

const RAW_TRACEPOINT: u32 = bpf_link_type::BPF_LINK_TYPE_RAW_TRACEPOINT as u32;
const TCX: u32 = bpf_link_type::BPF_LINK_TYPE_TCX as u32;

// SAFETY: integers, and unions of integers.
unsafe impl Info for bpf_link_info {}

/// Where a link's program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPlace {
    /// A TCX chain.
    Tcx {
        /// The interface's number in its namespace. 0 once it has been deleted or the link has been detached.
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

/// Creates an array of 32-bit words.
///
/// # Errors
///
/// The kernel's answer: EPERM without `CAP_BPF`.
pub fn make_array(name: &str, entries: u32) -> io::Result<OwnedFd> {
    let mut attribute = attribute();
    attribute.__bindgen_anon_1.map_type = bpf_map_type::BPF_MAP_TYPE_ARRAY as u32;
    attribute.__bindgen_anon_1.key_size = size_of::<u32>() as u32;
    attribute.__bindgen_anon_1.value_size = size_of::<u32>() as u32;
    attribute.__bindgen_anon_1.max_entries = entries;
    attribute.__bindgen_anon_1.map_name = object_name(name);
    descriptor(bpf(bpf_cmd::BPF_MAP_CREATE, &mut attribute)?)
}

fn path_of(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}

/// Pins a map, program or link at a path in a bpf file system, which keeps it alive without a descriptor.
///
/// # Errors
///
/// The kernel's answer: EEXIST if the path exists, EPERM for a name with a dot or outside a bpf file system.
pub fn pin(object: impl AsFd, path: &Path) -> io::Result<()> {
    let path = path_of(path)?;
    let mut attribute = attribute();
    attribute.__bindgen_anon_4.pathname = path.as_ptr() as u64;
    attribute.__bindgen_anon_4.bpf_fd = number(object.as_fd());
    bpf(bpf_cmd::BPF_OBJ_PIN, &mut attribute).map(drop)
}

/// Opens the object that is pinned at a path.
///
/// # Errors
///
/// The kernel's answer: ENOENT if there is nothing, EACCES if it is not an eBPF object.
pub fn pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = path_of(path)?;
    let mut attribute = attribute();
    attribute.__bindgen_anon_4.pathname = path.as_ptr() as u64;
    descriptor(bpf(bpf_cmd::BPF_OBJ_GET, &mut attribute)?)
}

/// Returns which program a link attaches where.
///
/// # Errors
///
/// The kernel's answer.
pub fn link(link: impl AsFd) -> io::Result<Link> {
    let info: bpf_link_info = object_info(link.as_fd())?;
    let place = match info.type_ {
        TCX => {
            // SAFETY: integers, whatever the kernel wrote.
            let tcx = unsafe { info.__bindgen_anon_1.tcx };
            let hooks = [TcxHook::Ingress, TcxHook::Egress];
            let hook = hooks.into_iter().find(|hook| *hook as u32 == tcx.attach_type);
            hook.map_or(LinkPlace::Other, |hook| LinkPlace::Tcx { ifindex: tcx.ifindex, hook })
        }
        RAW_TRACEPOINT => LinkPlace::Tracepoint,
        _ => LinkPlace::Other,
    };
    Ok(Link { program: info.prog_id, place })
}

/// Detaches a link's program, even if other descriptors or pins hold the link. It does not run any more when this returns.
///
/// # Errors
///
/// The kernel's answer: ENOLINK if it is detached already. EOPNOTSUPP for a tracepoint's link, which is detached when the
/// last descriptor is closed and the last pin is removed.
pub fn detach_link(link: impl AsFd) -> io::Result<()> {
    let mut attribute = attribute();
    attribute.link_detach.link_fd = number(link.as_fd());
    bpf(bpf_cmd::BPF_LINK_DETACH, &mut attribute).map(drop)
}
