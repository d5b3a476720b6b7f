//! Probes of a lab: attempts that are repeated while the lab is watched.

use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use crate::names::NsName;

/// Something that is tried again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The `target` label of its metrics. With `from` and the kind of its traffic it is once in a lab.
    pub target: String,
    /// Where it is sent from: `root`, or one of the lab's namespaces.
    pub from: NsName,
    /// What is tried; never a command.
    pub traffic: Traffic,
    /// The status that an HTTP request is answered with; none for any from 200 to 399.
    pub status: Option<u16>,
    /// From one attempt to the next.
    pub interval: Duration,
    /// How long an attempt may take; never longer than the interval.
    pub timeout: Duration,
}
