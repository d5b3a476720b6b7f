//! The FILE argument that many commands take, and the lab in it.

use std::path::PathBuf;

use clap::Args;
use netmon_labfile::{self, LoadError};
use netmon_model::lab::Lab;

use super::exit::ExitCode;

/// Which lab.
#[derive(Clone, Debug, Args)]
pub struct LabFile {
    /// The lab file; without one, the built-in lab `direct`.
    #[arg(value_name = "FILE", env = "NETMON_FILE")]
    pub file: Option<PathBuf>,
}

impl LabFile {
    /// Reads the lab.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file, a line each; exit code 2.
    pub fn open(&self) -> anyhow::Result<Lab> {
        netmon_labfile::open(self.file.as_deref()).map_err(|error| {
            let text = match &error {
                LoadError::Invalid(_) => {
                    anyhow::anyhow!("the lab file is invalid, nothing was changed:\n{error}")
                }
                LoadError::Read { .. } => error.into(),
            };
            ExitCode::Usage.because(text)
        })
    }
}
