//! What a process does before it executes a command inside a namespace, as `ip netns exec` does it.
//!
//! The command sees the namespace's own /sys/class/net, and files such as /etc/resolv.conf from /etc/netns/NAME.

use std::{fs, io, path::Path};

use netmon_model::names::NsName;
use rustix::{
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount},
};

use super::{NetNs, NetNsError};
use crate::{owned_files::own, sys::namespaces::unshare_mounts};

/// Moves the calling thread into the namespace and into a mount namespace of its own. This cannot be undone: it is for a
/// process that is about to execute another program.
///
/// # Errors
///
/// Fails if there is no such namespace (with kind `NotFound`), or the kernel refuses a step.
pub fn enter_for_good(name: &NsName) -> Result<(), NetNsError> {
    if name.is_root() {
        return Ok(());
    }
    NetNs::open(name)?.enter()?;
    let failed = |what: &'static str| move |e: io::Error| NetNsError::new(what, name.as_str(), e);
    unshare_mounts().map_err(failed("create a mount namespace for"))?;
    // Mounts of the host still propagate here, but not the other way round.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(|e| failed("create a mount namespace for")(e.into()))?;
    mount_sys().map_err(failed("mount /sys of"))?;
    bind_etc(&Path::new("/etc/netns").join(name.as_str())).map_err(failed("bind the files of"))
}

/// sysfs shows the network namespace from which it was mounted.
fn mount_sys() -> io::Result<()> {
    let read_only = rustix::fs::statvfs("/sys")?.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    match unmount("/sys", UnmountFlags::DETACH) {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(e) => return Err(e.into()),
    }
    let flags = if read_only { MountFlags::RDONLY } else { MountFlags::empty() };
    Ok(mount("sysfs", "/sys", "sysfs", flags, None)?)
}

/// Binds every file of the directory over the one of the same name in /etc. A file that /etc does not have is skipped,
/// since there is nothing to mount it on.
fn bind_etc(directory: &Path) -> io::Result<()> {
    for entry in files_of(directory)? {
        let target = Path::new("/etc").join(entry.file_name());
        match mount_bind(entry.path(), &target) {
            Err(Errno::NOENT) => {
                log::warn!("{} has no effect: {} does not exist", entry.path().display(), target.display());
            }
            other => other?,
        }
    }
    Ok(())
}

/// Returns what is in a namespace's folder under /etc/netns. Empty if there is no folder.
///
/// # Errors
///
/// Fails if the folder cannot be read, or another user could put something into it: it would replace a file of /etc for
/// programs that run as root.
pub fn files_of(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    require_own(directory)?;
    match fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other?.collect(),
    }
}

/// Succeeds if only root or the caller can put something into a namespace's folder under /etc/netns, or it does not exist.
///
/// # Errors
///
/// Fails with the name of the folder and of its owner.
pub fn require_own(directory: &Path) -> io::Result<()> {
    directory.parent().into_iter().chain([directory]).try_for_each(own::require)
}
