//! The privileges that several commands need.

use netmon_kernel::sys::capabilities::{Capability, MissingPrivilege, require};

/// Makes sure that this process may change topologies. `what_for` completes "... needs".
///
/// # Errors
///
/// Fails with the missing capabilities (exit code 3).
pub fn require_topology(what_for: &str) -> Result<(), MissingPrivilege> {
    require(&[Capability::NetAdmin, Capability::SysAdmin], what_for)
}
