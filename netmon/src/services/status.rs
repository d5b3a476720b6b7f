//! The state of services: maintained by the supervisor, which writes it to the state directory for other processes.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use netmon_kernel::owned_files::{read, replace_private};
use netmon_model::{
    lab::{Service, ServiceKind},
    names::NsName,
};
use serde::{Deserialize, Serialize};

use super::record::services_dir;

/// One service, for listings and JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service's name in its lab.
    pub name: String,
    /// The namespace in which it runs.
    pub namespace: NsName,
    /// The command line, or the URL of the built-in web server.
    pub what: String,
    /// Its state.
    pub state: ServiceState,
    /// How often it was restarted after an exit, since its supervisor started.
    pub restarts: u32,
    /// How it exited last: `exit status 1`, `signal 9 (SIGKILL)`. `None` if it has not exited.
    pub last_exit: Option<String>,
}

/// A line for people, such as `service web in a runs; last exit: exit status 7, restarts: 3`.
impl fmt::Display for ServiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, namespace, state, restarts, last_exit, .. } = self;
        let state = match state {
            ServiceState::Starting => "is being started",
            ServiceState::Running { .. } => "runs",
            ServiceState::Waiting => "has exited and is restarted after a pause",
            ServiceState::Stopped => "is stopped",
        };
        write!(f, "service {name} in {namespace} {state}")?;
        if let Some(exit) = last_exit {
            write!(f, "; last exit: {exit}, restarts: {restarts}")?;
        }
        Ok(())
    }
}

/// The state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "is")]
pub enum ServiceState {
    /// It is being started.
    Starting,
    /// It runs.
    Running {
        /// Its first process. `None` for the built-in web server, which runs inside the supervisor.
        pid: Option<u32>,
        /// When it was started, in seconds since the Unix epoch.
        since_seconds: u64,
    },
    /// It exited, and is restarted after a pause.
    Waiting,
    /// It was stopped with its lab.
    Stopped,
}

impl ServiceState {
    pub(crate) fn running(pid: Option<u32>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::Running { pid, since_seconds: since.as_secs() }
    }
}

/// Returns what the supervisor of a lab last wrote about its services. Empty if no supervisor is running.
///
/// # Errors
///
/// Fails if the file exists and cannot be read.
pub fn recorded_status(state_dir: &Path) -> io::Result<Vec<ServiceStatus>> {
    match read(&status_file(state_dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        content => Ok(serde_json::from_slice(&content?)?),
    }
}

/// Removes the file, and the services' directory if it is empty. It is not if a service could not be stopped.
pub(crate) fn remove(state_dir: &Path) {
    let _ = fs::remove_file(status_file(state_dir));
    let _ = fs::remove_dir(services_dir(state_dir));
}

fn status_file(state_dir: &Path) -> PathBuf {
    services_dir(state_dir).join("status.json")
}

/// The state of all services of a supervisor, in the order of the lab file.
#[derive(Debug)]
pub(crate) struct Board {
    lines: Mutex<Vec<ServiceStatus>>,
    file: PathBuf,
}

impl Board {
    pub(crate) fn new(services: &[Service], state_dir: &Path) -> Self {
        let line = |service: &Service| ServiceStatus {
            name: service.name.clone(),
            namespace: service.namespace.clone(),
            what: match &service.kind {
                ServiceKind::Command(words) => words.join(" "),
                ServiceKind::Http(address) => format!("http://{address}/"),
            },
            state: ServiceState::Starting,
            restarts: 0,
            last_exit: None,
        };
        Self { lines: Mutex::new(services.iter().map(line).collect()), file: status_file(state_dir) }
    }

    pub(crate) fn all(&self) -> Vec<ServiceStatus> {
        self.lock().clone()
    }

    pub(crate) fn update(&self, index: usize, change: impl FnOnce(&mut ServiceStatus)) {
        let mut lines = self.lock();
        if let Some(line) = lines.get_mut(index) {
            change(line);
        }
        let written = serde_json::to_vec_pretty(&*lines).map_err(io::Error::from);
        if let Err(error) = written.and_then(|text| replace_private(&self.file, &text)) {
            log::warn!("cannot write {}: {error}", self.file.display());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ServiceStatus>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
