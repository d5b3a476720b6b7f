//! `netmon supervise`: the process that `netmon up` leaves behind to run a lab's services. Not for people.

use std::path::PathBuf;

use clap::Args;
use netmon_model::names::LabName;

use super::exit::ExitCode;
use crate::services::supervise;

/// Runs the services of a lab until SIGTERM.
#[derive(Debug, Args)]
pub struct Supervise {
    /// The lab.
    #[arg(long)]
    pub lab: LabName,
    /// The lab's state folder, with the services' plan.
    #[arg(long)]
    pub state_dir: PathBuf,
}

/// Runs the command.
///
/// # Errors
///
/// When a service cannot be started.
pub fn run(args: &Supervise) -> anyhow::Result<ExitCode> {
    supervise(&args.lab, &args.state_dir)?;
    Ok(ExitCode::Ok)
}
