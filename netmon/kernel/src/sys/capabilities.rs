//! Which privileges the process has, and what is missing by name.
//!
//! It only looks: nothing is raised or dropped here. `docs/PRIVILEGES.md` says what each capability is for.

use std::fmt;

use rustix::thread::{CapabilitySet, capabilities};
use thiserror::Error;

/// A capability that netmon has a use for (`capabilities(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Links, addresses, routes and qdiscs; attaching programs to hooks.
    NetAdmin,
    /// Entering and making namespaces, mounting their names.
    SysAdmin,
    /// Loading programs and making maps (Linux 5.8).
    Bpf,
    /// Programs that read kernel memory, and the kernel's tracepoints (Linux 5.8).
    Perfmon,
    /// Raw sockets of the built-in ICMP probe.
    NetRaw,
    /// Seeing which process of another user holds a namespace.
    SysPtrace,
    /// Writing netmon's folders as somebody else than root.
    DacOverride,
    /// Ending services that changed their user.
    Kill,
}

impl Capability {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::NetAdmin,
        Self::SysAdmin,
        Self::Bpf,
        Self::Perfmon,
        Self::NetRaw,
        Self::SysPtrace,
        Self::DacOverride,
        Self::Kill,
    ];

    /// The name as `capabilities(7)` has it.
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
        }
    }

    fn bits(self) -> CapabilitySet {
        match self {
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            // Before Linux 5.8 CAP_SYS_ADMIN was all of these, and it still is beside them.
            Self::Bpf => CapabilitySet::BPF.union(CapabilitySet::SYS_ADMIN),
            Self::Perfmon => CapabilitySet::PERFMON.union(CapabilitySet::SYS_ADMIN),
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysPtrace => CapabilitySet::SYS_PTRACE,
            Self::DacOverride => CapabilitySet::DAC_OVERRIDE,
            Self::Kill => CapabilitySet::KILL,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A privilege is missing, and what it was wanted for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what_for} needs {}; run it as root, for instance with sudo", names(.missing))]
pub struct MissingPrivilege {
    missing: Vec<Capability>,
    what_for: String,
}

impl MissingPrivilege {
    /// The capabilities that are missing.
    #[must_use]
    pub fn missing(&self) -> &[Capability] {
        &self.missing
    }
}

fn names(missing: &[Capability]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// Whether the calling thread has this capability now.
#[must_use]
pub fn has(capability: Capability) -> bool {
    // A kernel that cannot be asked is one that will refuse by itself, with its own words.
    capabilities(None).map_or(true, |sets| sets.effective.intersects(capability.bits()))
}

/// Asks for all of `wanted` before work starts, so that nothing is left half done.
///
/// # Errors
///
/// The capabilities that are missing, by name, and what they were wanted for.
pub fn require(wanted: &[Capability], what_for: &str) -> Result<(), MissingPrivilege> {
    let missing: Vec<_> = wanted.iter().copied().filter(|capability| !has(*capability)).collect();
    if missing.is_empty() { Ok(()) } else { Err(MissingPrivilege { missing, what_for: what_for.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_it_was_wanted_for() {
        let error = MissingPrivilege {
            missing: vec![Capability::NetAdmin, Capability::SysAdmin],
            what_for: "building lab direct".to_owned(),
        };
        let text = error.to_string();
        assert!(text.starts_with("building lab direct needs CAP_NET_ADMIN and CAP_SYS_ADMIN"), "{text}");
    }
}
