//! A network namespace as a value: held by a descriptor, and entered only by threads that exist for this.
//!
//! [`names`] adds and removes names as `ip netns` does. A [`NetNs`] itself has no name: the name may be removed, or be
//! given to another namespace, while the descriptor holds this one.
//! A thread that does anything else is never moved into a namespace. [`NetNs::run`] starts a thread for the call, and an
//! [`Opener`] has one that opens sockets and does nothing else.

pub mod directory;
pub mod exec;
pub mod name_watch;
pub mod names;
mod opener;
pub mod visible;

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    panic::resume_unwind,
    path::Path,
    thread,
};

pub use netmon_model::names::Cookie;
use netmon_model::names::NsName;
use thiserror::Error;

pub use self::opener::Opener;
pub use crate::proc::NetnsId;
use crate::{
    proc::Process,
    sys::{namespaces, nsfs},
};

/// The namespace of the calling thread. `/proc/self` would be that of the main thread.
const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";
/// The user namespace of the calling thread.
const USERS_OF_THIS_THREAD: &str = "/proc/thread-self/ns/user";

/// A network namespace, kept alive by a descriptor.
///
/// # Examples
///
/// A socket that is opened inside a namespace stays there, whichever thread uses it:
///
/// ```no_run
/// use std::net::TcpListener;
///
/// use netmon_kernel::netns::NetNs;
///
/// let namespace = NetNs::open(&"web".parse()?)?;
/// let listener = namespace.run(|| TcpListener::bind("10.0.0.1:80"))??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NetNs {
    file: File,
    identity: NetnsId,
}

/// An operation on a namespace failed.
#[derive(Debug, Error)]
#[error("cannot {operation} {operand}")]
pub struct NetNsError {
    operation: &'static str,
    operand: String,
    source: io::Error,
}

impl NetNsError {
    /// Creates an error: "cannot OPERATION OPERAND".
    pub fn new(operation: &'static str, operand: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { operation, operand: operand.into(), source: source.into() }
    }

    pub(crate) fn raw_os_error(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// Returns the kind of the kernel's answer.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl NetNs {
    /// Opens the namespace of the calling thread, which a lab calls `root`.
    ///
    /// # Errors
    ///
    /// Fails if /proc is not mounted.
    ///
    /// # Examples
    ///
    /// ```
    /// use netmon_kernel::netns::NetNs;
    ///
    /// let (one, two) = (NetNs::current()?, NetNs::current()?);
    /// assert_eq!(one.identity(), two.identity());
    /// # Ok::<(), netmon_kernel::netns::NetNsError>(())
    /// ```
    pub fn current() -> Result<Self, NetNsError> {
        Self::open_file(Path::new(OF_THIS_THREAD))
    }

    /// Opens the namespace with this name, or that of the calling thread for `root`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such name, or the file in /run/netns is not a namespace.
    pub fn open(name: &NsName) -> Result<Self, NetNsError> {
        if name.is_root() { Self::current() } else { Self::open_file(&names::path_of(name)) }
    }

    /// Creates a namespace without a name. The calling thread is moved into it, so this is for threads that end soon.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
    pub fn unshare() -> Result<Self, NetNsError> {
        namespaces::unshare_network().map_err(|e| NetNsError::new("create", "a network namespace", e))?;
        Self::current()
    }

    /// Opens the namespace of a process. While the value exists, the namespace outlives the process.
    ///
    /// # Errors
    ///
    /// Fails if the process has exited, or the caller may not inspect it (`CAP_SYS_PTRACE`).
    pub fn of_process(pid: u32) -> Result<Self, NetNsError> {
        Self::open_file(&Process::Pid(pid).network_namespace_path())
    }

    /// Opens the namespace that a file of nsfs stands for, such as a name in /run/netns. While the value exists, the
    /// namespace outlives the file.
    ///
    /// # Errors
    ///
    /// Fails if there is no such file, or it is not a namespace.
    pub fn open_file(path: &Path) -> Result<Self, NetNsError> {
        let failed = |e| NetNsError::new("open network namespace", path.display().to_string(), e);
        // Opening a pipe that lies there would wait for its other end.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let kind = rustix::fs::fstatfs(&file).map_err(|e| failed(e.into()))?;
        if kind.f_type != libc::NSFS_MAGIC {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "this file is not a namespace")));
        }
        Ok(Self { file, identity: NetnsId::of_metadata(&metadata) })
    }

    /// Returns the identity, valid while the namespace is held.
    #[must_use]
    pub fn identity(&self) -> NetnsId {
        self.identity
    }

    /// Returns whether it is owned by the user namespace of the calling thread.
    ///
    /// Otherwise a user without privileges here may have all of them inside: in a container.
    #[must_use]
    pub fn is_own_users(&self) -> bool {
        let owner = match namespaces::owning_user_namespace(&self.file).map(File::from) {
            Ok(owner) => owner.metadata(),
            // EPERM: of a user namespace above. Another error: this kernel cannot tell.
            Err(error) => return error.raw_os_error() != Some(libc::EPERM),
        };
        match (owner, fs::metadata(USERS_OF_THIS_THREAD)) {
            (Ok(owner), Ok(own)) => (owner.dev(), owner.ino()) == (own.dev(), own.ino()),
            _ => true,
        }
    }

    /// Returns the identity that is valid for as long as the machine runs.
    ///
    /// The namespace is entered for it before Linux 6.18 only.
    ///
    /// # Errors
    ///
    /// As [`Self::run`], and before Linux 5.14.
    pub fn cookie(&self) -> Result<Cookie, NetNsError> {
        if let Ok(id) = nsfs::id(&self.file) {
            return Ok(Cookie(id));
        }
        let read = || {
            let socket =
                rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None)?;
            namespaces::netns_cookie(&socket)
        };
        self.run(read)?
            .map(Cookie)
            .map_err(|e| NetNsError::new("read the cookie of", "a network namespace", e))
    }

    /// Returns the user who made the user namespace that owns this namespace, and the identity of that user namespace.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EPERM if the user namespace is outside the caller's.
    pub fn owner(&self) -> Result<(u32, NetnsId), NetNsError> {
        let failed = |e| NetNsError::new("read the owner of", "a network namespace", e);
        let owner = nsfs::owner(&self.file).map_err(failed)?;
        let uid = nsfs::owner_uid(&owner).map_err(failed)?;
        let metadata = File::from(owner).metadata().map_err(failed)?;
        Ok((uid, NetnsId::of_metadata(&metadata)))
    }

    /// Runs `f` inside this namespace, on a thread that is started for it. A panic of `f` is resumed in the caller.
    ///
    /// # Errors
    ///
    /// Fails if the thread cannot be started or may not enter the namespace (`CAP_SYS_ADMIN`).
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

    /// Moves the calling thread into the namespace: for a thread that ends soon, or a process that is about to execute
    /// another program.
    ///
    /// # Errors
    ///
    /// The kernel's answer: EPERM without `CAP_SYS_ADMIN`.
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
    fn the_callers_namespace_is_owned_by_its_users() {
        assert!(NetNs::current().unwrap().is_own_users());
    }

    #[test]
    fn the_callers_namespace_equals_itself_and_a_plain_file_is_refused() {
        assert_eq!(NetNs::current().unwrap().identity(), NetNs::current().unwrap().identity());
        let error = NetNs::open_file(Path::new("/proc/self/status")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_process_is_in_the_namespace_that_its_file_stands_for() {
        let own = NetNs::of_process(std::process::id()).unwrap();
        assert_eq!(own.identity(), NetNs::current().unwrap().identity());
        assert_eq!(NetNs::of_process(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
