//! Errors of claims and of recorded state.

use std::{io, path::Path};

use netmon_model::names::LabName;
use thiserror::Error;

use super::claim::Holder;

/// A lab could not be claimed, or its state could not be recorded.
#[derive(Debug, Error)]
pub enum OwnershipError {
    /// Another process holds the lab.
    #[error("{} by {holder}; {}", held(.lab), advice(.holder))]
    Held {
        /// The lab.
        lab: LabName,
        /// The process.
        holder: Holder,
    },
    /// A file of the lab could not be read, written, locked or removed.
    #[error("cannot {operation} {operand}")]
    File {
        /// The operation, as a verb.
        operation: &'static str,
        /// The file.
        operand: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Returns what a process holds.
fn held(lab: &LabName) -> String {
    if lab.is_discover() {
        return "the links of this host are already watched".to_owned();
    }
    format!("lab {lab} is held")
}

/// Returns what to do about a holder. One that serves nothing is most likely a `netmon up` that will end by itself.
fn advice(holder: &Holder) -> String {
    let Holder { pid, http } = holder;
    let wait = if http.is_none() { "try again when it has finished, or " } else { "" };
    format!("{wait}stop it first, with Ctrl-C or `kill {pid}`")
}

impl OwnershipError {
    pub(super) fn file(operation: &'static str, operand: &Path, source: impl Into<io::Error>) -> Self {
        Self::File { operation, operand: operand.display().to_string(), source: source.into() }
    }
}
