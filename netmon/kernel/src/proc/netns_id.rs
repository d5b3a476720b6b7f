//! Which network namespace a file of nsfs stands for (`/proc/PID/ns/net`, or a name in `/run/netns`).

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

/// Identifies a network namespace for as long as it exists. The kernel reuses inode numbers immediately, so this is
/// meaningful only while a descriptor, a name or a process keeps the namespace alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetnsId {
    /// `st_dev` of the file.
    pub device: u64,
    /// `st_ino` of the file.
    pub inode: u64,
}

impl NetnsId {
    /// Returns the namespace of a file, which is not opened.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file, or it may not be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::of_metadata(&metadata))
    }

    pub(crate) fn of_metadata(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}
