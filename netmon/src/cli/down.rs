//! `netmon down`: removes a lab, whatever built it.

use clap::Args;

use super::{exit::ExitCode, lab_file::LabFile, privileges::require_topology};
use crate::{control::LabHandle, render::progress::ProgressLine};

/// Which lab is removed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon down              the built-in lab
  netmon down my.toml      the lab of this file; only its name matters")]
pub struct Down {
    #[command(flatten)]
    lab: LabFile,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab file is invalid, a privilege is missing, or the lab is held by a process that is no agent; or with
/// everything that could not be removed.
pub fn run(args: &Down) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    require_topology(&format!("removing lab {}", lab.name))?;
    LabHandle::acquire(&lab.name)?.down(&ProgressLine::start())?;
    log::info!("lab {} is down", lab.name);
    Ok(ExitCode::Ok)
}
