//! Services that run without an agent from now on.

use std::{path::Path, sync::atomic::AtomicBool};

use netmon_kernel::proc::own_program;
use netmon_model::{error::chain, lab::Lab};

use super::{DetachError, is_supervised, spawn_detached, stop_recorded, until_started};

/// Makes sure that the lab's services run under a detached supervisor.
///
/// If exactly these services do already, only waits until they have started: the `netmon up` that started them may have
/// been killed meanwhile. Otherwise, and if they do not become ready, stops whatever is recorded as running, logs what could
/// not be stopped, and starts all of them. Blocks until they have started, or, while it only waits, until `cancelled`.
///
/// # Errors
///
/// Fails if a service cannot be started; no supervisor is left then.
pub fn leave_running(lab: &Lab, state_dir: &Path, cancelled: &AtomicBool) -> Result<(), DetachError> {
    if is_supervised(lab, state_dir) && until_started(lab, state_dir, cancelled) {
        return Ok(());
    }
    for error in stop_recorded(&lab.name, state_dir) {
        log::warn!("{}", chain(&error));
    }
    let program = own_program().map_err(|source| DetachError::Spawn { program: "netmon".into(), source })?;
    spawn_detached(&program, lab, state_dir).map(drop)
}
