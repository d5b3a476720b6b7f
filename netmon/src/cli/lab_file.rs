//! The FILE argument of many commands, and the lab in it.

use std::path::PathBuf;

use clap::Args;
use netmon_labfile::LoadError;
use netmon_model::lab::Lab;
use thiserror::Error;

/// Which lab.
#[derive(Clone, Debug, Args)]
pub struct LabFile {
    /// The lab file; without one, the built-in lab `direct`.
    #[arg(value_name = "FILE", env = "NETMON_FILE")]
    pub file: Option<PathBuf>,
}

/// A lab file with errors in it. Each begins on a line of its own, with file, line and column.
#[derive(Debug, Error)]
#[error("the lab file is invalid; nothing was changed:\n{0}")]
pub struct InvalidLabFile(pub LoadError);

impl LabFile {
    /// Reads the lab.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or with all errors in it (exit code 2).
    pub fn open(&self) -> anyhow::Result<Lab> {
        match netmon_labfile::open(self.file.as_deref()) {
            Ok(lab) => Ok(lab),
            Err(error @ LoadError::Invalid(_)) => Err(InvalidLabFile(error).into()),
            Err(error @ LoadError::Read { .. }) => Err(error.into()),
        }
    }
}
