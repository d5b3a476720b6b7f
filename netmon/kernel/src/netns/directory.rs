//! /run/netns itself: made as `ip netns add` makes it, and put back when we made it and nobody uses it.
//!
//! It is a mount point of its own, shared, so that a name that goes away goes away in every mount namespace.
//! Whether we made the folder or the mount is noted beside it, since any lab may be the last to leave.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use rustix::{
    event::{Timespec, poll},
    fs::{FlockOperation, flock},
    io::Errno,
    mount::{MountPropagationFlags, UnmountFlags, mount_bind_recursive, mount_change, unmount},
};

use super::NetNsError;
use crate::owned_files;

/// Where names of network namespaces live (`ip-netns(8)`).
pub const DIRECTORY: &str = "/run/netns";
/// What of [`DIRECTORY`] was made here: `folder` or `mount`, a word a line. No lab can be called like this.
const NOTE: &str = "/run/netmon/netns-directory";

/// How often the mount is tried to be taken away, 5 ms apart.
const BUSY_ATTEMPTS: usize = 20;

/// Makes /run/netns a shared mount, if it is none yet.
///
/// # Errors
///
/// When a step is refused; what was there before is still there.
pub fn prepare() -> Result<(), NetNsError> {
    let failed = |e: io::Error| NetNsError::new("prepare", DIRECTORY, e);
    if !Path::new(DIRECTORY).exists() {
        // Before it is made, so that whoever is killed in between leaves nothing that nobody knows of.
        add_note("folder").map_err(failed)?;
        match fs::DirBuilder::new().mode(0o755).create(DIRECTORY) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed(e)),
            _ => {}
        }
    }
    let _lock = lock().map_err(failed)?;
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    match mount_change(DIRECTORY, shared) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL) => {
            add_note("mount").map_err(failed)?;
            mount_bind_recursive(DIRECTORY, DIRECTORY).map_err(|e| failed(e.into()))?;
            mount_change(DIRECTORY, shared).map_err(|e| failed(e.into()))
        }
        Err(e) => Err(failed(e.into())),
    }
}

/// Whether [`prepare`] made something of it that nobody uses any more.
#[must_use]
pub fn is_left_over() -> bool {
    let is_empty = || match fs::read_dir(DIRECTORY) {
        Ok(mut names) => names.next().is_none(),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    };
    Path::new(NOTE).exists() && is_empty()
}

/// Undoes [`prepare`] as far as it was ours, once no name is left.
///
/// # Errors
///
/// When something that is ours cannot be taken away. A folder in use is no error.
pub fn restore_if_unused() -> Result<(), NetNsError> {
    let failed = |e: io::Error| NetNsError::new("put back", DIRECTORY, e);
    let Ok(note) = fs::read_to_string(NOTE) else { return Ok(()) };
    if !Path::new(DIRECTORY).exists() {
        return fs::remove_file(NOTE).map_err(failed);
    }
    let lock = lock().map_err(failed)?;
    if fs::read_dir(DIRECTORY).map_err(failed)?.next().is_some() {
        return Ok(());
    }
    // The lock would keep the mount busy. A name that appears from here on stays: its file is in the folder
    // below the mount, too, and then neither of the two can be taken away.
    drop(lock);
    if note.lines().any(|line| line == "mount") {
        match unmount_when_idle() {
            // Not mounted: the note was written, and the process ended before the mount.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(Errno::BUSY) => return Ok(()),
            Err(e) => return Err(failed(e.into())),
        }
    }
    if note.lines().any(|line| line == "folder") {
        match fs::remove_dir(DIRECTORY) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(()),
            other => other.map_err(failed)?,
        }
    }
    fs::remove_file(NOTE).map_err(failed)
}

/// A child that is being started holds all our descriptors until it is the other program, also the one that
/// the lock was on: busy for a moment is not in use.
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

/// `ip netns add` takes the same lock, so that two at once do not mount it twice.
fn lock() -> io::Result<File> {
    let folder = File::open(DIRECTORY)?;
    flock(&folder, FlockOperation::LockExclusive)?;
    Ok(folder)
}

fn add_note(word: &str) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    owned_files::make_directory(Path::new("/run/netmon"))?;
    let mut note = fs::OpenOptions::new().append(true).create(true).mode(0o644).open(NOTE)?;
    writeln!(note, "{word}")
}
