//! Which exit code an error of the topology means.

use netmon_kernel::sys::capabilities::{Capability, MissingPrivilege, require};

use super::exit::ExitCode;
use crate::{agent::AgentError, datapath::DatapathError, ownership::OwnershipError, topology::TopologyError};

/// The error, marked with its exit code.
#[must_use]
pub fn of_topology(error: TopologyError) -> anyhow::Error {
    match &error {
        conflict if conflict.is_conflict() => ExitCode::Conflict.because(error),
        lacking if lacking.is_unsupported() => ExitCode::Unavailable.because(error),
        TopologyError::Impairment(_) => ExitCode::Usage.because(error),
        _ => error.into(),
    }
}

/// The error, marked with its exit code.
#[must_use]
pub fn of_ownership(error: OwnershipError) -> anyhow::Error {
    match &error {
        OwnershipError::Held { .. } => ExitCode::Conflict.because(error),
        OwnershipError::File { .. } => error.into(),
    }
}

/// The error, marked with its exit code.
#[must_use]
pub fn of_privilege(error: MissingPrivilege) -> anyhow::Error {
    ExitCode::Unavailable.because(error)
}

/// Makes sure that topologies may be changed.
///
/// # Errors
///
/// The capabilities that are missing; exit code 3.
pub fn require_topology(what_for: &str) -> anyhow::Result<()> {
    require(&[Capability::NetAdmin, Capability::SysAdmin], what_for).map_err(of_privilege)
}

/// An agent that could not run, or could not put everything back.
pub fn of_agent(error: AgentError) -> anyhow::Error {
    match error {
        AgentError::Privilege(missing) => of_privilege(missing),
        AgentError::Topology(error) => of_topology(error),
        AgentError::Ownership(error) => of_ownership(error),
        AgentError::Datapath(error @ DatapathError::NoTcx) => ExitCode::Unavailable.because(error),
        other => match other.pin() {
            Some(pin) if pin.is_unavailable() => ExitCode::Unavailable.because(other),
            Some(pin) if pin.is_conflict() => ExitCode::Conflict.because(other),
            _ => other.into(),
        },
    }
}
