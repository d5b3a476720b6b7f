//! A network namespace as a value: held by a descriptor, entered only on a thread of its own.
//!
//! [`names`] gives a namespace its name as `ip netns` does, and takes it away. A [`NetNs`] itself has no
//! name: the name may go, or come to mean another namespace, while the descriptor holds this one.
//! No thread that does anything else is ever moved: [`NetNs::run`] starts one for the call, and it dies afterwards;
//! an [`Opener`] has one that opens sockets and does nothing else.

pub mod directory;
pub mod exec;
pub mod name_watch;
pub mod names;
mod opener;

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt as _,
    },
    panic::resume_unwind,
    path::Path,
    thread,
};

pub use netmon_model::names::Cookie;
use netmon_model::names::NsName;
use thiserror::Error;

pub use self::opener::Opener;
use crate::sys::namespaces;

/// The namespace of the calling thread. `/proc/self` would be the one of the main thread.
const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";

/// A network namespace, kept alive by a descriptor.
#[derive(Debug)]
pub struct NetNs {
    file: File,
    identity: NetnsId,
}

/// Which namespace it is, for as long as a descriptor is held: inode numbers are reused at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetnsId {
    /// `st_dev` of the nsfs file.
    pub device: u64,
    /// `st_ino` of the nsfs file.
    pub inode: u64,
}

/// Something could not be done with a namespace.
#[derive(Debug, Error)]
#[error("cannot {operation} {operand}")]
pub struct NetNsError {
    operation: &'static str,
    operand: String,
    source: io::Error,
}

impl NetNsError {
    /// An error about `operand`, which `operation` failed on.
    pub fn new(operation: &'static str, operand: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { operation, operand: operand.into(), source: source.into() }
    }

    /// The kernel's answer.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl NetNs {
    /// The namespace of the calling thread: what `root` means in a lab.
    ///
    /// # Errors
    ///
    /// When /proc is not there.
    pub fn current() -> Result<Self, NetNsError> {
        Self::open_file(Path::new(OF_THIS_THREAD))
    }

    /// The namespace called `name`, or that of the calling thread for `root`.
    ///
    /// # Errors
    ///
    /// When there is none, or the file in /run/netns is no namespace.
    pub fn open(name: &NsName) -> Result<Self, NetNsError> {
        if name.is_root() { Self::current() } else { Self::open_file(&names::path_of(name)) }
    }

    /// A namespace that no name leads to yet; the calling thread is moved into it, so this is for threads
    /// that end soon.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn unshare() -> Result<Self, NetNsError> {
        namespaces::unshare_network().map_err(|e| NetNsError::new("make", "a network namespace", e))?;
        Self::current()
    }

    fn open_file(path: &Path) -> Result<Self, NetNsError> {
        let failed = |e| NetNsError::new("open network namespace", path.display().to_string(), e);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let kind = rustix::fs::fstatfs(&file).map_err(|e| failed(e.into()))?;
        if kind.f_type != libc::NSFS_MAGIC {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "this file is no namespace")));
        }
        Ok(Self { file, identity: NetnsId { device: metadata.dev(), inode: metadata.ino() } })
    }

    /// Which namespace this is, while it is held.
    #[must_use]
    pub fn identity(&self) -> NetnsId {
        self.identity
    }

    /// Which namespace this is, for as long as the machine runs.
    ///
    /// # Errors
    ///
    /// As [`Self::run`]; and before Linux 5.14.
    pub fn cookie(&self) -> Result<Cookie, NetNsError> {
        let read = || {
            let socket =
                rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None)?;
            namespaces::netns_cookie(&socket)
        };
        self.run(read)?
            .map(Cookie)
            .map_err(|e| NetNsError::new("read the cookie of", "a network namespace", e))
    }

    /// Runs `f` inside this namespace, on a thread that is started for it and ends with it. A panic of `f`
    /// goes on in the caller.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started, or may not enter the namespace.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T, NetNsError> {
        let inside = || {
            namespaces::enter_network(self.file.as_fd())
                .map_err(|e| NetNsError::new("enter", "a network namespace", e))?;
            Ok(f())
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new()
                .name("netns".to_owned())
                .spawn_scoped(scope, inside)
                .map_err(|e| NetNsError::new("start", "a thread for a network namespace", e))?;
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Moves the calling thread in, for good: for a thread that ends soon, or a process about to exec.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn enter(&self) -> Result<(), NetNsError> {
        namespaces::enter_network(self.file.as_fd())
            .map_err(|e| NetNsError::new("enter", "a network namespace", e))
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_namespace_is_itself_and_a_plain_file_is_none() {
        assert_eq!(NetNs::current().unwrap().identity(), NetNs::current().unwrap().identity());
        let error = NetNs::open_file(Path::new("/proc/self/status")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
