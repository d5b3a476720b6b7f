//! Removal of a whole lab that this process holds: its services, its topology, and what is pinned for it.

use std::path::Path;

use netmon_kernel::pins;
use netmon_model::{error::chain, names::LabName, progress::Progress};

use crate::{ownership::Claim, services::stop_recorded, topology};

/// Removes the lab of this claim, its services first. Logs warnings, continues after errors and returns all of them.
///
/// Succeeds if there is nothing to remove.
pub fn remove(claim: &Claim, progress: &dyn Progress) -> Vec<String> {
    let stop_services = |lab: &LabName, directory: &Path| {
        stop_recorded(lab, directory).into_iter().map(topology::BoxError::from).collect()
    };
    let report = topology::down(claim, stop_services, progress);
    progress.rest();
    for warning in &report.warnings {
        log::warn!("{warning}");
    }
    let mut left = report.errors;
    // Last: the kernel detaches pinned programs when it deletes their interfaces.
    left.extend(pins::remove_all(claim.lab()).iter().map(|error| chain(error)));
    left
}
