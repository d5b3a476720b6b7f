//! The capabilities that the process has, and the names of those that are missing.
//!
//! Read only: no capability is raised or dropped here; [`give_up`](super::give_up) drops them. `docs/PRIVILEGES.md` says what
//! each is for.

use std::{fmt, fs, os::unix::fs::MetadataExt as _, path::Path};

use rustix::{
    fs::{Access, AtFlags, CWD, accessat},
    io::Errno,
    thread::{CapabilitySet, capabilities},
};
use thiserror::Error;

/// A capability that netmon uses (`capabilities(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Links, addresses, routes and qdiscs; attaching programs to hooks.
    NetAdmin,
    /// Hearing of the links of other namespaces.
    NetBroadcast,
    /// Entering and creating namespaces, mounting their names.
    SysAdmin,
    /// Loading programs and creating maps (Linux 5.8).
    Bpf,
    /// Programs that read kernel memory, and the kernel's tracepoints (Linux 5.8).
    Perfmon,
    /// Raw sockets of the built-in ICMP probe.
    NetRaw,
    /// Reading which namespace a process of another user is in.
    SysPtrace,
    /// Writing netmon's directories as a user other than root.
    DacOverride,
    /// Stopping services that changed their user.
    Kill,
    /// Listening on ports below 1024.
    NetBindService,
    /// Services that run as another user.
    Setuid,
    /// Services that run in other groups.
    Setgid,
    /// Services of root with fewer capabilities.
    Setpcap,
}

impl Capability {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::NetAdmin,
        Self::NetBroadcast,
        Self::SysAdmin,
        Self::Bpf,
        Self::Perfmon,
        Self::NetRaw,
        Self::SysPtrace,
        Self::DacOverride,
        Self::Kill,
        Self::NetBindService,
        Self::Setuid,
        Self::Setgid,
        Self::Setpcap,
    ];

    /// Returns the name as in `capabilities(7)`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetBroadcast => "CAP_NET_BROADCAST",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::DacOverride => "CAP_DAC_OVERRIDE",
            Self::Kill => "CAP_KILL",
            Self::NetBindService => "CAP_NET_BIND_SERVICE",
            Self::Setuid => "CAP_SETUID",
            Self::Setgid => "CAP_SETGID",
            Self::Setpcap => "CAP_SETPCAP",
        }
    }

    /// Returns all of them as the kernel has a set, one bit each.
    #[must_use]
    pub fn all_bits() -> u64 {
        Self::ALL.into_iter().fold(CapabilitySet::empty(), |all, one| all | one.bits()).bits()
    }

    fn bits(self) -> CapabilitySet {
        match self {
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::NetBroadcast => CapabilitySet::NET_BROADCAST,
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            // Before Linux 5.8 CAP_SYS_ADMIN included these, and it still does.
            Self::Bpf => CapabilitySet::BPF.union(CapabilitySet::SYS_ADMIN),
            Self::Perfmon => CapabilitySet::PERFMON.union(CapabilitySet::SYS_ADMIN),
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysPtrace => CapabilitySet::SYS_PTRACE,
            Self::DacOverride => CapabilitySet::DAC_OVERRIDE,
            Self::Kill => CapabilitySet::KILL,
            Self::NetBindService => CapabilitySet::NET_BIND_SERVICE,
            Self::Setuid => CapabilitySet::SETUID,
            Self::Setgid => CapabilitySet::SETGID,
            Self::Setpcap => CapabilitySet::SETPCAP,
        }
    }
}

impl Capability {
    /// Returns whether the kernel asks for it in the host's user namespace, whatever this process has in its own.
    fn is_of_the_host(self) -> bool {
        matches!(self, Self::Bpf | Self::Perfmon)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Privileges are missing for an operation.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what_for} needs {}; {}", names(.missing), advice(*.is_host_user))]
pub struct MissingPrivilege {
    missing: Vec<Capability>,
    what_for: String,
    /// Whether this process is in the host's user namespace.
    is_host_user: bool,
}

impl MissingPrivilege {
    /// Returns the missing capabilities.
    #[must_use]
    pub fn missing(&self) -> &[Capability] {
        &self.missing
    }
}

fn names(missing: &[Capability]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn advice(is_host_user: bool) -> &'static str {
    if is_host_user {
        "run it as root, for instance with sudo"
    } else {
        "this process is in a user namespace (as under `unshare -U` or in a rootless container), whose root is not the \
         host's: run it as root of the host"
    }
}

/// Returns whether this process is in the user namespace that the kernel started with.
#[must_use]
pub fn is_in_host_user_namespace() -> bool {
    /// `PROC_USER_INIT_INO` (`linux/proc_ns.h`)
    const INITIAL: u64 = 0xEFFF_FFFD;
    // Without /proc, the operation itself is tried.
    fs::metadata("/proc/self/ns/user").map_or(true, |namespace| namespace.ino() == INITIAL)
}

/// Returns whether the calling thread has this capability now, where the kernel asks for it.
#[must_use]
pub fn has(capability: Capability) -> bool {
    if capability.is_of_the_host() && !is_in_host_user_namespace() {
        return false;
    }
    // If the kernel does not say, the operation itself is tried, and the kernel's own error is shown.
    capabilities(None).map_or(true, |sets| sets.effective.intersects(capability.bits()))
}

/// Checks for all of `required` before work starts, so that nothing is left half-finished.
///
/// # Errors
///
/// The names of the missing capabilities, and what they are needed for.
pub fn require(required: &[Capability], what_for: &str) -> Result<(), MissingPrivilege> {
    let missing: Vec<_> = required.iter().copied().filter(|capability| !has(*capability)).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing_for(missing, what_for)) }
}

fn missing_for(missing: Vec<Capability>, what_for: &str) -> MissingPrivilege {
    MissingPrivilege { missing, what_for: what_for.to_owned(), is_host_user: is_in_host_user_namespace() }
}

/// Checks that this process may write to each of these directories, or to the one above in which it would create it.
///
/// # Errors
///
/// CAP_DAC_OVERRIDE, if the permissions of one do not allow it.
pub fn require_writable(directories: &[&str], what_for: &str) -> Result<(), MissingPrivilege> {
    if directories.iter().copied().map(Path::new).all(may_write) {
        return Ok(());
    }
    require(&[Capability::DacOverride], what_for)
}

/// Returns whether the permissions of a directory, or of the first above it that exists, let this process write to it.
fn may_write(directory: &Path) -> bool {
    match accessat(CWD, directory, Access::WRITE_OK, AtFlags::EACCESS) {
        Err(Errno::NOENT) => directory.parent().is_none_or(may_write),
        // Other reasons, such as a read-only file system, are no matter of privilege.
        answer => answer != Err(Errno::ACCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_named_with_what_it_is_needed_for() {
        let error = MissingPrivilege {
            missing: vec![Capability::NetAdmin, Capability::SysAdmin],
            what_for: "building lab direct".to_owned(),
            is_host_user: true,
        };
        let text = error.to_string();
        assert_eq!(
            text,
            "building lab direct needs CAP_NET_ADMIN and CAP_SYS_ADMIN; run it as root, for instance with sudo"
        );
        let inside = MissingPrivilege { is_host_user: false, ..error };
        assert!(inside.to_string().contains("this process is in a user namespace"), "{inside}");
    }

    #[test]
    fn a_directory_is_writable_if_the_one_that_it_would_be_created_in_is() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("a/b/c");
        assert!(may_write(directory.path()) && may_write(&missing));
        assert!(require_writable(&[missing.to_str().unwrap()], "a test").is_ok());
    }
}
