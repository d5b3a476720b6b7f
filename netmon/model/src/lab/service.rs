//! Services of a lab: processes and built-in servers that run inside its namespaces.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Traffic;
use crate::names::NsName;

/// A process or built-in server that runs inside a namespace as long as the lab does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name in the log and in the state, unique in the lab.
    pub name: String,
    /// Its namespace: `root`, or one of the lab's.
    pub namespace: NsName,
    /// What runs.
    pub kind: ServiceKind,
    /// The readiness check. `None` if the next service does not wait for this one.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// As whom, where and with what a command runs.
    #[serde(default)]
    pub execution: Execution,
}

/// As whom, where and with what a command runs. The default is netmon's user and a short environment, and for root
/// [`SERVICE_CAPABILITIES`](super::SERVICE_CAPABILITIES).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Execution {
    /// The user, by name or number. `None` for netmon's.
    pub user: Option<String>,
    /// The group, by name or number. `None` for the user's.
    pub group: Option<String>,
    /// Variables beside those that every service has.
    pub env: BTreeMap<String, String>,
    /// Whether it has netmon's own environment as well.
    pub inherits_env: bool,
    /// The directory in which it starts. `None` for the lab file's.
    pub directory: Option<PathBuf>,
    /// The capabilities that it may have, as in `capabilities(7)`. `None` for [`SERVICE_CAPABILITIES`](super::SERVICE_CAPABILITIES)
    /// if it is root, and for none if it is another user than netmon's.
    pub capabilities: Option<Vec<String>>,
    /// What it may take.
    pub limits: ServiceLimits,
}

/// What a service may take of the host. Applied by the controllers of its cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceLimits {
    /// Memory in bytes. `None` for as much as there is.
    pub memory_bytes: Option<u64>,
    /// Processes and threads. `None` for as many as the host allows.
    pub processes: Option<u64>,
}

impl fmt::Display for Service {
    /// Writes its name, and the address of a built-in server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ServiceKind::Http(address) => write!(f, "{} {address}", self.name),
            ServiceKind::Command(_) => f.write_str(&self.name),
        }
    }
}

/// What a service runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A program and its arguments: at least one word, and never a shell command line.
    Command(Vec<String>),
    /// The built-in web server, on this address.
    Http(SocketAddr),
}

/// A check that must succeed once before the next service is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// What is attempted, in the service's namespace.
    pub check: Traffic,
    /// The time limit until it succeeds.
    pub timeout: Duration,
}
