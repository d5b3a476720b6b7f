//! Errors of work on a lab, whether its agent or this process did it.

use std::io;

use netmon_model::names::LabName;
use thiserror::Error;

use super::Refusal;
use crate::{ownership::OwnershipError, topology::TopologyError};

/// A lab could not be changed or removed.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Another process holds the lab, or the lab could not be locked.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// The agent closed the connection, or did not reply in time.
    #[error("the agent of lab {lab} did not reply")]
    NoReply {
        /// The lab.
        lab: LabName,
        /// What failed on the connection.
        source: io::Error,
    },
    /// The agent replied with a refusal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This process could not do it.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// Not all of the lab could be removed.
    #[error("cannot remove all of lab {lab}:\n  {}", .left.join("\n  "))]
    LeftBehind {
        /// The lab.
        lab: LabName,
        /// What is left, and why.
        left: Vec<String>,
    },
}
