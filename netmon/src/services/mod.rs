//! A lab's services: started in their namespaces, logged, restarted, and stopped with the lab.
//!
//! A [`Supervisor`] runs inside the agent. Without an agent (`netmon up`), [`spawn_detached`] starts a process of netmon
//! that has one. After a crash, [`stop_recorded`] stops exactly the processes that are recorded. Nothing is ever stopped by
//! its name. `docs/SERVICES.md` is the users' page.
//!
//! Not here: namespaces and links (`topology`), and measuring (`datapath`).

mod account;
mod backoff;
mod bounded_log;
mod cgroup;
mod command;
mod detached;
mod error;
mod execution;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod http;
mod keeper;
mod leave;
mod members;
mod namespace;
mod output;
mod privileges;
mod prometheus;
mod ready;
mod record;
mod spawner;
mod status;
mod stop;
mod supervisor;
mod wait;

use std::{
    io,
    path::{Path, PathBuf},
};

use netmon_model::{
    lab::{Lab, Service},
    names::LabName,
};
use serde::{Deserialize, Serialize};

pub use self::{
    account::AccountError,
    detached::{
        DetachError, detached_supervisor, is_supervised, log_file, spawn_detached, supervise, until_started,
    },
    error::{CommandProblem, ListenProblem, StartError},
    leave::leave_running,
    privileges::{
        LackingCapabilities, keep_capabilities, kept_capabilities, lacking_capabilities,
        required_capabilities,
    },
    prometheus::Prometheus,
    status::{ServiceState, ServiceStatus, recorded_status},
    stop::{StopError, stop_recorded},
    supervisor::Supervisor,
};

/// Returns where the cgroup v2 hierarchy is mounted. `None` if it is not.
#[must_use]
pub fn cgroup_hierarchy() -> Option<PathBuf> {
    cgroup::hierarchy()
}

/// Returns the cgroups of a lab's recorded services that exist.
///
/// # Errors
///
/// Fails if the caller may not read the records, which belong to root.
pub fn recorded_cgroups(lab: &LabName, state_dir: &Path) -> io::Result<Vec<PathBuf>> {
    record::Record::cgroups(lab, state_dir)
}

/// The services of a lab, with what a supervisor needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSet {
    /// The lab's name.
    pub lab: LabName,
    /// Its services, in the order in which they are started.
    pub services: Vec<Service>,
    /// The lab file's directory, in which commands start. `None` for the built-in lab.
    #[serde(default)]
    pub directory: Option<PathBuf>,
}

impl From<&Lab> for ServiceSet {
    fn from(lab: &Lab) -> Self {
        Self { lab: lab.name.clone(), services: lab.services.clone(), directory: lab.directory.clone() }
    }
}
