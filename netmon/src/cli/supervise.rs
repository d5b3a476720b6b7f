//! `netmon supervise`: the process that `netmon up` leaves behind to run a lab's services. Hidden from users.

use std::path::PathBuf;

use clap::Args;
use netmon_model::names::LabName;

use super::exit::ExitCode;
use crate::services::supervise;

/// Which services to run until SIGTERM.
#[derive(Debug, Args)]
pub struct Supervise {
    /// The lab.
    #[arg(long)]
    pub lab: LabName,
    /// The state directory of the lab, which has the services to run.
    #[arg(long)]
    pub state_dir: PathBuf,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if a service cannot be started.
pub fn run(args: &Supervise) -> anyhow::Result<ExitCode> {
    supervise(&args.lab, &args.state_dir)?;
    Ok(ExitCode::Ok)
}
