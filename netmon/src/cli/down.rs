//! `netmon down`: takes away all of a lab, however it got there.

use clap::Args;
use netmon_kernel::pins;
use netmon_model::{error::chain, names::LabName};

use super::{exit::ExitCode, failure, lab_file::LabFile};
use crate::{
    control,
    ownership::{Claim, OwnershipError},
    render::progress::ProgressLine,
    services::stop_recorded,
    topology::{self, Report, error::BoxError},
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
    let errors = match Claim::take(&lab.name) {
        Ok(claim) => remove(&claim).errors,
        Err(held @ OwnershipError::Held { .. }) => by_agent(&lab.name, held)?,
        Err(error) => return Err(failure::of_ownership(error)),
    };
    if !errors.is_empty() {
        anyhow::bail!("lab {} is not all gone:\n  {}", lab.name, errors.join("\n  "));
    }
    log::info!("lab {} is down", lab.name);
    Ok(ExitCode::Ok)
}

/// Has the agent that holds the lab remove it and end. Whoever holds it and does not listen, another
/// `netmon up` for instance, is a conflict.
fn by_agent(lab: &LabName, held: OwnershipError) -> anyhow::Result<Vec<String>> {
    match control::ask(lab, &control::Request::Down) {
        Ok(answer) => Ok(answer.errors),
        Err(error) => {
            log::debug!("asking the agent of lab {lab}: {error}");
            Err(failure::of_ownership(held))
        }
    }
}

/// Removes the lab of this claim, services first, and what is pinned for it. Warnings are logged.
pub fn remove(claim: &Claim) -> Report {
    let progress = ProgressLine::start();
    let mut report = topology::down(
        claim,
        |lab, folder| stop_recorded(lab, folder).into_iter().map(BoxError::from).collect(),
        &progress,
    );
    drop(progress);
    // Last: of an interface that is gone nothing has to be taken off.
    report.errors.extend(pins::remove_all(claim.lab()).iter().map(|error| chain(error)));
    report.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    report
}
