//! The capabilities that the process has, and the names of those that are missing.
//!
//! Read only: no capability is raised or dropped. `docs/PRIVILEGES.md` says what each is for.

use std::fmt;

use rustix::thread::{CapabilitySet, capabilities};
use thiserror::Error;

/// A capability that netmon uses (`capabilities(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Links, addresses, routes and qdiscs; attaching programs to hooks.
    NetAdmin,
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
}

impl Capability {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::NetAdmin,
        Self::SysAdmin,
        Self::Bpf,
        Self::Perfmon,
        Self::NetRaw,
        Self::SysPtrace,
        Self::DacOverride,
        Self::Kill,
        Self::NetBindService,
    ];

    /// Returns the name as in `capabilities(7)`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::DacOverride => "CAP_DAC_OVERRIDE",
            Self::Kill => "CAP_KILL",
            Self::NetBindService => "CAP_NET_BIND_SERVICE",
        }
    }

    fn bits(self) -> CapabilitySet {
        match self {
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            // Before Linux 5.8 CAP_SYS_ADMIN included these, and it still does.
            Self::Bpf => CapabilitySet::BPF.union(CapabilitySet::SYS_ADMIN),
            Self::Perfmon => CapabilitySet::PERFMON.union(CapabilitySet::SYS_ADMIN),
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysPtrace => CapabilitySet::SYS_PTRACE,
            Self::DacOverride => CapabilitySet::DAC_OVERRIDE,
            Self::Kill => CapabilitySet::KILL,
            Self::NetBindService => CapabilitySet::NET_BIND_SERVICE,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Privileges are missing for an operation.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what_for} needs {}; run it as root, for instance with sudo", names(.missing))]
pub struct MissingPrivilege {
    missing: Vec<Capability>,
    what_for: String,
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

/// Returns whether the calling thread has this capability now.
#[must_use]
pub fn has(capability: Capability) -> bool {
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
    if missing.is_empty() { Ok(()) } else { Err(MissingPrivilege { missing, what_for: what_for.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_named_with_what_it_is_needed_for() {
        let error = MissingPrivilege {
            missing: vec![Capability::NetAdmin, Capability::SysAdmin],
            what_for: "building lab direct".to_owned(),
        };
        let text = error.to_string();
        assert!(text.starts_with("building lab direct needs CAP_NET_ADMIN and CAP_SYS_ADMIN"), "{text}");
    }
}
