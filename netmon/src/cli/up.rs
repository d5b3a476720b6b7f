//! `netmon up`: builds a lab and leaves it, without an agent.

use std::{env, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::{error::chain, lab::Lab};

use super::{
    down, exit::ExitCode, failure, lab_file::LabFile, output::Format, plan, reload, watching::Watching,
};
use crate::{
    agent, control,
    ownership::{Claim, OwnershipError, state, temporary},
    render::progress::ProgressLine,
    services::{is_supervised, spawn_detached, stop_recorded},
};

/// What is built, and whether it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon up                  the built-in lab: ping 10.200.0.3
  netmon up my.toml          a lab of yours; again after a change, for the difference
  netmon up --persist        count packets, without an agent; `netmon run` shows them later
  netmon up --dry-run        what would be done
  netmon down                takes it away again")]
pub struct Up {
    #[command(flatten)]
    lab: LabFile,
    /// How it is watched from now on, with --persist.
    #[command(flatten)]
    watching: Watching,
    /// Only prints the plan.
    #[arg(long, env = "NETMON_DRY_RUN")]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
///
/// A lab file that is no lab, a missing privilege, a conflict; or what failed, after it is undone.
pub fn run(args: &Up) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    if args.dry_run {
        return plan::print(&lab, Format::Table);
    }
    failure::require_topology(&format!("building lab {}", lab.name))?;
    let claim = match Claim::take(&lab.name) {
        Ok(claim) => claim,
        Err(held) => return by_holder(&lab, args.lab.file.as_ref(), held),
    };
    temporary::make_permanent(&lab.name).map_err(failure::of_ownership)?;
    let before = state::State::load(&lab.name);
    let persist = args.watching.persist;
    if persist {
        require(&[Capability::Bpf], "netmon up --persist").map_err(failure::of_privilege)?;
    }
    let progress = ProgressLine::start();
    agent::leave_counting(&lab, &claim, &args.watching.options(), persist, &progress)
        .map_err(failure::of_agent)?;
    drop(progress);
    if let Err(error) = start_services(&lab) {
        if before.is_none() {
            down::remove(&claim);
        }
        return Err(error);
    }
    log::info!("lab {} is up: {} namespaces, {} links", lab.name, lab.namespaces.len(), lab.links.len());
    Ok(ExitCode::Ok)
}

/// A lab that another process holds is left to it: its agent makes it as the file says. Whoever holds it and does not
/// listen, another `netmon up` for instance, is a conflict.
fn by_holder(lab: &Lab, file: Option<&PathBuf>, held: OwnershipError) -> anyhow::Result<ExitCode> {
    if !matches!(held, OwnershipError::Held { .. }) || control::Client::connect(&lab.name).is_err() {
        return Err(failure::of_ownership(held));
    }
    reload::by_agent(lab, file)?;
    Ok(ExitCode::Ok)
}

/// Services run under a process that stays behind. Those that run and are wanted like that are left alone.
fn start_services(lab: &Lab) -> anyhow::Result<()> {
    let folder = state::directory(&lab.name);
    if is_supervised(lab, &folder) {
        return Ok(());
    }
    for error in stop_recorded(&lab.name, &folder) {
        log::warn!("{}", chain(&error));
    }
    let program = env::current_exe().context("cannot find netmon's own program")?;
    spawn_detached(&program, lab, &folder)?;
    Ok(())
}
