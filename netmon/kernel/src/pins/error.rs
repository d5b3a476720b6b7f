//! Errors of pinning.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::file_system::MOUNT_POINT;
use crate::netns::NetNsError;

/// An operation on pins failed.
#[derive(Debug, Error)]
pub enum PinError {
    /// There is no bpf file system, and mounting one failed.
    #[error(
        "counting cannot persist: there is no bpf file system at {MOUNT_POINT}, and mounting one failed \
         (`mount -t bpf bpf {MOUNT_POINT}`)"
    )]
    NoFileSystem(#[source] io::Error),
    /// A directory in it could not be created.
    #[error("counting cannot persist: cannot create {}", .path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The identity of the caller's namespace could not be read.
    #[error("cannot identify this process's network namespace")]
    Root(#[source] NetNsError),
    /// A pin or a directory does not carry netmon's mark.
    #[error("{} is not netmon's: it was not changed", .0.display())]
    Foreign(PathBuf),
    /// Another user can change the directory.
    #[error("{0}; nothing there is used")]
    Unsafe(String),
    /// The kernel refused an operation.
    #[error("cannot {operation} {}", .path.display())]
    Failed {
        /// The operation, as a verb.
        operation: &'static str,
        /// The pin or directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl PinError {
    /// Creates an error: "cannot OPERATION PATH".
    pub fn failed(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Failed { operation, path: path.to_owned(), source }
    }

    pub(super) fn make(path: &Path, source: io::Error) -> Self {
        Self::Make { path: path.to_owned(), source }
    }

    /// Returns whether the host cannot pin at all.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::NoFileSystem(_) | Self::Make { .. })
    }

    /// Returns whether something that is not netmon's is in the way.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Foreign(_) | Self::Unsafe(_))
    }
}
