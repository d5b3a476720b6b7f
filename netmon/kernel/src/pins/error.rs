//! What can go wrong with pins.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::file_system::MOUNT_POINT;
use crate::netns::NetNsError;

/// Something could not be pinned, or unpinned.
#[derive(Debug, Error)]
pub enum PinError {
    /// There is no bpf file system, and none can be mounted.
    #[error(
        "counting cannot persist: there is no bpf file system at {MOUNT_POINT}, and mounting one failed \
         (`mount -t bpf bpf {MOUNT_POINT}`)"
    )]
    NoFileSystem(#[source] io::Error),
    /// Nothing can be made in it.
    #[error("counting cannot persist: cannot make {}", .path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The namespace that this process calls root is not told.
    #[error("cannot tell which namespace this is")]
    Root(#[source] NetNsError),
    /// It does not carry netmon's mark.
    #[error("{} is not netmon's: it stays as it is", .0.display())]
    Foreign(PathBuf),
    /// Something else was refused.
    #[error("cannot {operation} {}", .path.display())]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl PinError {
    /// An operation on a path that was refused.
    pub fn failed(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Failed { operation, path: path.to_owned(), source }
    }

    pub(super) fn make(path: &Path, source: io::Error) -> Self {
        Self::Make { path: path.to_owned(), source }
    }

    /// Whether the host lacks what pinning needs.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::NoFileSystem(_) | Self::Make { .. })
    }

    /// Whether something that is not netmon's is in the way.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }
}
