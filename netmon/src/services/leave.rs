//! Services that run without an agent from now on.

use std::path::Path;

use netmon_kernel::proc::own_program;
use netmon_model::{error::chain, lab::Lab};

use super::{DetachError, is_supervised, spawn_detached, stop_recorded};

/// Makes sure that the lab's services run under a detached supervisor.
///
/// Does nothing if exactly these services do already. Otherwise stops whatever is recorded as running, logs what could
/// not be stopped, and starts all of them. Blocks until they have started.
///
/// # Errors
///
/// Fails if a service cannot be started; no supervisor is left then.
pub fn leave_running(lab: &Lab, state_dir: &Path) -> Result<(), DetachError> {
    if is_supervised(lab, state_dir) {
        return Ok(());
    }
    for error in stop_recorded(&lab.name, state_dir) {
        log::warn!("{}", chain(&error));
    }
    let program = own_program().map_err(|source| DetachError::Spawn { program: "netmon".into(), source })?;
    spawn_detached(&program, lab, state_dir).map(drop)
}
