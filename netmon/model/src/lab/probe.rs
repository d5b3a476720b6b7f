//! Probes of a lab: attempts that are repeated while the lab is watched.

use std::time::Duration;

use serde::Serialize;

use super::Traffic;
use crate::names::NsName;

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The `target` label of its metrics. Unique in the lab, together with `from` and the kind of traffic.
    pub target: String,
    /// The namespace of the attempts: `root`, or one of the lab's.
    pub from: NsName,
    /// What is attempted. Never a command.
    pub traffic: Traffic,
    /// The expected status of an HTTP response. `None` for any from 200 to 399.
    pub status: Option<u16>,
    /// The time from one attempt to the next.
    pub interval: Duration,
    /// The time limit of one attempt, at most the interval.
    pub timeout: Duration,
}
