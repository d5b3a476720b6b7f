//! The directory /run/netns itself: prepared as `ip netns add` does it, and restored when its last name is removed.
//!
//! It is a shared mount point, so that a name that is removed disappears from every mount namespace. A file beside it
//! records whether netmon created the directory or the mount, since any lab may be the last one.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use rustix::{
    event::{Timespec, poll},
    io::Errno,
    mount::{MountPropagationFlags, UnmountFlags, mount_bind_recursive, mount_change, unmount},
};

use super::NetNsError;
use crate::{
    bounded_lock::{self, HostLock},
    owned_files,
};

/// Where the names of network namespaces are (`ip-netns(8)`).
pub const DIRECTORY: &str = "/run/netns";
/// What netmon created of [`DIRECTORY`]: `folder` or `mount`, one word a line. A lab cannot have this name.
const RECORD: &str = "/run/netmon/netns-directory";

/// How often unmounting is tried, 5 ms apart.
const BUSY_ATTEMPTS: usize = 20;

/// Makes /run/netns a shared mount, unless it is one.
///
/// # Errors
///
/// Fails if the kernel refuses a step. What existed before still exists.
pub fn prepare() -> Result<(), NetNsError> {
    let failed = |e: io::Error| NetNsError::new("prepare", DIRECTORY, e);
    owned_files::own::require(Path::new(DIRECTORY)).map_err(failed)?;
    if !Path::new(DIRECTORY).exists() {
        // Recorded before it is created, so that a process that is killed in between leaves nothing unrecorded.
        record("folder").map_err(failed)?;
        owned_files::make_directory(Path::new(DIRECTORY)).map_err(failed)?;
    }
    let _locks = lock().map_err(failed)?;
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    match mount_change(DIRECTORY, shared) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL) => {
            record("mount").map_err(failed)?;
            mount_bind_recursive(DIRECTORY, DIRECTORY).map_err(|e| failed(e.into()))?;
            mount_change(DIRECTORY, shared).map_err(|e| failed(e.into()))
        }
        Err(e) => Err(failed(e.into())),
    }
}

/// Returns whether something that [`prepare`] created is left and has no names in it.
#[must_use]
pub fn is_left_over() -> bool {
    let is_empty = || match fs::read_dir(DIRECTORY) {
        Ok(mut names) => names.next().is_none(),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    };
    (Path::new(RECORD).exists() || HostLock::is_left_over()) && is_empty()
}

/// Undoes what [`prepare`] created, once no name is left. Does nothing while the directory is in use.
///
/// # Errors
///
/// Fails if something that netmon created cannot be removed.
pub fn restore_if_unused() -> Result<(), NetNsError> {
    let failed = |e: io::Error| NetNsError::new("restore", DIRECTORY, e);
    if HostLock::is_left_over() {
        // A process was killed while it had the lock. Taking and dropping it removes the file.
        drop(HostLock::take().map_err(failed)?);
    }
    let Ok(created) = owned_files::read_text(Path::new(RECORD)) else { return Ok(()) };
    if !Path::new(DIRECTORY).exists() {
        return fs::remove_file(RECORD).map_err(failed);
    }
    let (directory, _netmons) = lock().map_err(failed)?;
    if fs::read_dir(DIRECTORY).map_err(failed)?.next().is_some() {
        return Ok(());
    }
    // The lock would keep the mount busy. A name that is added from here on is safe: its file is in the directory below
    // the mount, too, so that neither can be removed.
    drop(directory);
    if created.lines().any(|line| line == "mount") {
        match unmount_when_idle() {
            // Not mounted: the process was killed between the record and the mount.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(Errno::BUSY) => return Ok(()),
            Err(e) => return Err(failed(e.into())),
        }
    }
    if created.lines().any(|line| line == "folder") {
        match fs::remove_dir(DIRECTORY) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(()),
            other => other.map_err(failed)?,
        }
    }
    fs::remove_file(RECORD).map_err(failed)
}

/// Retries while the mount is busy. A child that is being started has all descriptors of this process until it executes
/// its program, including the one that was locked. So a mount may be busy for a moment without being in use.
fn unmount_when_idle() -> rustix::io::Result<()> {
    let pause = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    for _ in 0..BUSY_ATTEMPTS {
        match unmount(DIRECTORY, UnmountFlags::empty()) {
            Err(Errno::BUSY) => poll(&mut [], Some(&pause)).map(|_| ())?,
            other => return other,
        }
    }
    Err(Errno::BUSY)
}

/// `ip netns add` takes the same lock, so that two processes do not both mount the directory. Any user may hold it, so
/// netmon's own processes have another one as well.
fn lock() -> io::Result<(File, HostLock)> {
    let directory = File::open(DIRECTORY)?;
    bounded_lock::lock(&directory, Path::new(DIRECTORY))?;
    Ok((directory, HostLock::take()?))
}

fn record(word: &str) -> io::Result<()> {
    let record = Path::new(RECORD);
    if let Some(folder) = record.parent() {
        owned_files::make_directory(folder)?;
    }
    let mut record = fs::OpenOptions::new().append(true).create(true).mode(0o644).open(record)?;
    record.set_permissions(fs::Permissions::from_mode(0o644))?;
    writeln!(record, "{word}")
}
