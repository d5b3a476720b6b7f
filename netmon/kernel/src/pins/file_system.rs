//! The bpf file system itself: found where systemd mounts it, and mounted there if it is not.

use std::{fs::File, io, path::Path};

use rustix::{
    fs::statfs,
    mount::{MountFlags, mount},
};

use super::PinError;
use crate::{
    bounded_lock::{self, HostLock},
    proc::Process,
};

/// Where it is mounted.
pub const MOUNT_POINT: &str = "/sys/fs/bpf";
/// `BPF_FS_MAGIC` (`linux/magic.h`)
const MAGIC: u64 = 0xcafe_4a11;

/// Returns whether it is mounted.
#[must_use]
pub fn is_mounted() -> bool {
    // The width of the type differs between architectures.
    statfs(MOUNT_POINT).is_ok_and(|status| status.f_type as u64 & 0xffff_ffff == MAGIC)
}

/// Mounts it unless it is mounted, with a warning.
///
/// # Errors
///
/// Fails if the kernel refuses to mount it.
pub fn ensure() -> Result<(), PinError> {
    if is_mounted() {
        return Ok(());
    }
    // Two processes at once would mount it twice, and the second mount would hide what is pinned in the first.
    let below = File::open(MOUNT_POINT).map_err(PinError::NoFileSystem)?;
    bounded_lock::lock(&below, Path::new(MOUNT_POINT)).map_err(PinError::NoFileSystem)?;
    let _netmons = HostLock::take().map_err(PinError::NoFileSystem)?;
    if is_mounted() {
        return Ok(());
    }
    // As systemd mounts it: the default would let every user create folders in it, and take netmon's name.
    mount("bpf", MOUNT_POINT, "bpf", MountFlags::empty(), Some(c"mode=0700"))
        .map_err(|error| PinError::NoFileSystem(error.into()))?;
    log::warn!("mounted a bpf file system at {MOUNT_POINT} for --persist; it stays mounted");
    if has_own_mount_namespace().unwrap_or(false) {
        log::warn!(
            "this process has a mount namespace of its own (as under `ip netns exec`): pins are removed when the last \
             process in it exits"
        );
    }
    Ok(())
}

fn has_own_mount_namespace() -> io::Result<bool> {
    Ok(Process::CurrentThread.mount_namespace()? != Process::Pid(1).mount_namespace()?)
}
