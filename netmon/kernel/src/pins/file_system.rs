//! The bpf file system itself: looked for where everybody has it, and mounted when nobody did.

use std::{fs::File, io};

use rustix::{
    fs::{FlockOperation, flock, statfs},
    mount::{MountFlags, mount},
};

use super::PinError;
use crate::proc::Process;

/// Where it is.
pub const MOUNT_POINT: &str = "/sys/fs/bpf";
/// `BPF_FS_MAGIC` (`linux/magic.h`)
const MAGIC: u64 = 0xcafe_4a11;

/// Whether there is one.
#[must_use]
pub fn is_mounted() -> bool {
    // The type's width differs between architectures.
    statfs(MOUNT_POINT).is_ok_and(|found| found.f_type as u64 & 0xffff_ffff == MAGIC)
}

/// Makes sure that there is one, and says so when it had to be mounted.
///
/// # Errors
///
/// When there is none and mounting is refused.
pub fn ensure() -> Result<(), PinError> {
    if is_mounted() {
        return Ok(());
    }
    // Two at once would mount two, one over the other: what the first pinned would be hidden.
    let below = File::open(MOUNT_POINT).map_err(PinError::NoFileSystem)?;
    flock(&below, FlockOperation::LockExclusive).map_err(|error| PinError::NoFileSystem(error.into()))?;
    if is_mounted() {
        return Ok(());
    }
    mount("bpf", MOUNT_POINT, "bpf", MountFlags::empty(), None)
        .map_err(|error| PinError::NoFileSystem(error.into()))?;
    log::warn!("mounted a bpf file system at {MOUNT_POINT}, since nobody had: counting persists there");
    if has_mounts_of_its_own().unwrap_or(false) {
        log::warn!(
            "this process has a mount namespace of its own (as under `ip netns exec`): what is pinned here goes when \
             its last process ends"
        );
    }
    Ok(())
}

fn has_mounts_of_its_own() -> io::Result<bool> {
    Ok(Process::CurrentThread.mount_namespace()? != Process::Pid(1).mount_namespace()?)
}
