//! Services of a lab: processes and built-in servers that run inside its namespaces.

use std::{fmt, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::Traffic;
use crate::names::NsName;

/// Something that runs inside a namespace for as long as the lab does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// What it is called in the log and in the state; unique in the lab.
    pub name: String,
    /// Where it runs: `root`, or one of the lab's namespaces.
    pub namespace: NsName,
    /// What runs.
    pub kind: ServiceKind,
    /// How it is told that it does its work; none for a service that is not waited for.
    #[serde(default)]
    pub ready: Option<Ready>,
}

impl fmt::Display for Service {
    /// Its name, and where the built-in server listens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ServiceKind::Http(address) => write!(f, "{} {address}", self.name),
            ServiceKind::Command(_) => f.write_str(&self.name),
        }
    }
}

/// What a service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A program and its arguments; never a shell line. At least one word.
    Command(Vec<String>),
    /// The built-in web server, on this address.
    Http(SocketAddr),
}

/// What has to succeed once before the next service is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// What is tried, in the service's namespace.
    pub check: Traffic,
    /// How long it may take until that succeeds.
    pub timeout: Duration,
}
