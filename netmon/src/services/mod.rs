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

use netmon_kernel::sys::capabilities::Capability;
use netmon_model::{
    lab::{Lab, Service, ServiceKind},
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

/// Returns the capabilities that the lab's services need: its own web servers on low ports (ip(7),
/// `ip_unprivileged_port_start`), and commands that run as another user.
#[must_use]
pub fn required_capabilities(lab: &Lab) -> Vec<Capability> {
    /// The lowest port that needs no privilege.
    const UNPRIVILEGED: u16 = 1024;
    const SETTING: &str = "net.ipv4.ip_unprivileged_port_start";
    let is_privileged = |service: &Service| {
        let low =
            matches!(service.kind, ServiceKind::Http(address) if (1..UNPRIVILEGED).contains(&address.port()));
        let mut own = lab.namespaces.iter().filter(|one| one.name == service.namespace);
        low && !own.any(|one| one.sysctls.contains_key(SETTING))
    };
    let any = |is_one: &dyn Fn(&Service) -> bool| lab.services.iter().any(is_one);
    let has_user = |service: &Service| service.execution.user.is_some();
    let has_group = |service: &Service| has_user(service) || service.execution.group.is_some();
    let bounds = |service: &Service| {
        service.execution.capabilities.is_some()
            && matches!(service.execution.user.as_deref(), None | Some("root" | "0"))
    };
    [
        (any(&is_privileged), Capability::NetBindService),
        (any(&has_user), Capability::Setuid),
        (any(&has_group), Capability::Setgid),
        // Their processes are ended at the end of the lab.
        (any(&has_user), Capability::Kill),
        (any(&bounds), Capability::Setpcap),
    ]
    .into_iter()
    .filter_map(|(is_needed, capability)| is_needed.then_some(capability))
    .collect()
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
