//! What can go wrong with claims and recorded state.

use std::{io, path::Path};

use netmon_model::names::LabName;
use thiserror::Error;

use super::claim::Holder;

/// A lab could not be claimed, or its state could not be recorded.
#[derive(Debug, Error)]
pub enum OwnershipError {
    /// Another process holds the lab. Nothing was changed.
    #[error("lab {lab} is held by {holder}; stop that one first, with Ctrl-C or `kill {}`", .holder.pid)]
    Held {
        /// Which lab.
        lab: LabName,
        /// By which process.
        holder: Holder,
    },
    /// A file.
    #[error("cannot {operation} {operand}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        operand: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl OwnershipError {
    pub(super) fn file(operation: &'static str, operand: &Path, source: impl Into<io::Error>) -> Self {
        Self::File { operation, operand: operand.display().to_string(), source: source.into() }
    }
}
