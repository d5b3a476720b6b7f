//! Services of a lab: processes and built-in servers that run inside its namespaces.

use std::{fmt, net::SocketAddr, time::Duration};

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
