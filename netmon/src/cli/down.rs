//! `netmon down`: takes away all of a lab, however it got there.

use clap::Args;

use super::{exit::ExitCode, failure, lab_file::LabFile, progress::ProgressLine};
use crate::{
    services::stop_recorded,
    topology::{self, Claim, Report, error::BoxError},
};

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
/// A lab file that is no lab, a missing privilege, a lab that is held; or what is left, all of it.
pub fn run(args: &Down) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    failure::require_topology(&format!("removing lab {}", lab.name))?;
    let claim = Claim::take(&lab.name).map_err(failure::of_topology)?;
    let report = remove(&claim);
    if !report.errors.is_empty() {
        anyhow::bail!("lab {} is not all gone:\n  {}", lab.name, report.errors.join("\n  "));
    }
    log::info!("lab {} is down: {} namespaces removed", lab.name, report.namespaces);
    Ok(ExitCode::Ok)
}

/// Removes the lab of this claim, services first. Warnings are logged.
pub fn remove(claim: &Claim) -> Report {
    let progress = ProgressLine::start();
    let report = topology::down(
        claim,
        |lab, folder| stop_recorded(lab, folder).into_iter().map(BoxError::from).collect(),
        &progress,
    );
    drop(progress);
    report.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    report
}
