//! The state of a lab's services. They are listed on request, and are not part of a snapshot.

use serde::{Deserialize, Serialize};

use crate::names::NsName;

/// A service of a lab, and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSnapshot {
    /// The namespace in which it runs.
    pub namespace: NsName,
    /// Its name.
    pub name: String,
    /// The command line, or the URL of the built-in web server.
    pub what: String,
    /// Its state.
    pub state: ServicePhase,
    /// How often it was restarted after an exit, since its supervisor started.
    pub restarts: u32,
    /// How it exited last. `None` if it has not exited.
    pub last_exit: Option<String>,
}

/// The state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServicePhase {
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It exited, and is restarted after a pause.
    Waiting,
    /// It was stopped with its lab.
    Stopped,
}
