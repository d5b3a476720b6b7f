//! What a process does before it becomes a command inside a namespace: as `ip netns exec`, so that the
//! command sees the namespace's own /sys/class/net, and /etc/resolv.conf and the like from /etc/netns/NAME.

use std::{fs, io, path::Path};

use netmon_model::names::NsName;
use rustix::{
    io::Errno,
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount},
};

use super::{NetNs, NetNsError};
use crate::sys::namespaces::unshare_mounts;

/// Moves the calling thread into the namespace and into a mount namespace of its own. There is no way back:
/// for a process that is about to exec.
///
/// # Errors
///
/// When there is no such namespace (of kind `NotFound`), or a step is refused.
pub fn enter_for_good(name: &NsName) -> Result<(), NetNsError> {
    if name.is_root() {
        return Ok(());
    }
    NetNs::open(name)?.enter()?;
    let failed = |what: &'static str| move |e: io::Error| NetNsError::new(what, name.as_str(), e);
    unshare_mounts().map_err(failed("make a mount namespace for"))?;
    // Mounts of the host still arrive; ours do not leave.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(|e| failed("make a mount namespace for")(e.into()))?;
    mount_sys().map_err(failed("mount /sys of"))?;
    bind_etc(&Path::new("/etc/netns").join(name.as_str())).map_err(failed("bind the files of"))
}

/// sysfs shows the network namespace that it was mounted from.
fn mount_sys() -> io::Result<()> {
    let read_only = rustix::fs::statvfs("/sys")?.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    match unmount("/sys", UnmountFlags::DETACH) {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(e) => return Err(e.into()),
    }
    let flags = if read_only { MountFlags::RDONLY } else { MountFlags::empty() };
    Ok(mount("sysfs", "/sys", "sysfs", flags, None)?)
}

/// Every file of the folder over the one of the same name in /etc. One that /etc does not have is left out,
/// as there is nothing to mount it on.
fn bind_etc(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let target = Path::new("/etc").join(entry.file_name());
        match mount_bind(entry.path(), &target) {
            Err(Errno::NOENT) => {
                log::warn!("there is no {} to show {} as", target.display(), entry.path().display());
            }
            other => other?,
        }
    }
    Ok(())
}
