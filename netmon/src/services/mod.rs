//! A lab's services: started in their namespaces, logged, restarted, and ended with the lab.
//!
//! A [`Supervisor`] runs inside the agent. Where there is no agent (`netmon up`), [`spawn_detached`] starts a
//! process of netmon that holds one. Whoever comes after a crash ends exactly what is recorded with
//! [`stop_recorded`]; nothing is ever ended by name. `docs/SERVICES.md` tells the same to users.
//!
//! Not here: namespaces and links (`topology`), and measuring (`datapath`).

mod backoff;
mod bounded_log;
mod cgroup;
mod command;
mod detached;
mod error;
mod http;
mod keeper;
mod leave;
mod members;
mod namespace;
mod output;
mod process;
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
    detached::{DetachError, detached_supervisor, is_supervised, spawn_detached, supervise},
    error::{CommandProblem, ListenProblem, StartError},
    leave::leave_running,
    status::{ServiceState, ServiceStatus, recorded_status},
    stop::{StopError, stop_recorded},
    supervisor::Supervisor,
};

/// Where this host has cgroup v2, if it has it.
#[must_use]
pub fn cgroup_hierarchy() -> Option<PathBuf> {
    cgroup::hierarchy()
}

/// The cgroups that are recorded of a lab's services and there, whoever started them.
///
/// # Errors
///
/// When the records may not be read: they are root's.
pub fn recorded_cgroups(state_dir: &Path) -> io::Result<Vec<PathBuf>> {
    record::Record::cgroups(state_dir)
}

/// All that a supervisor needs to know of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The lab's name.
    pub lab: LabName,
    /// Its services, in the order in which they are started.
    pub services: Vec<Service>,
    /// Where commands start, and what relative paths in them are relative to: the lab file's folder.
    #[serde(default)]
    pub directory: Option<PathBuf>,
}

impl From<&Lab> for Plan {
    fn from(lab: &Lab) -> Self {
        Self { lab: lab.name.clone(), services: lab.services.clone(), directory: lab.directory.clone() }
    }
}
