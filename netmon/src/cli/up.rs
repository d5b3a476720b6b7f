//! `netmon up`: builds a lab and leaves it up, without an agent.

use clap::Args;
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::lab::Lab;

use super::{
    exit::ExitCode, lab_file::LabFile, output::Format, plan, privileges::require_topology, reload,
    watching::Watching,
};
use crate::{
    agent,
    control::{self, LabHandle},
    ownership::{Claim, state, temporary},
    render::progress::ProgressLine,
    services,
};

/// Which lab is built, and how.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon up                  the built-in lab: ping 10.200.0.3
  netmon up my.toml          a lab of yours; run it again after an edit, and only the difference is applied
  netmon up --persist        counts packets without an agent; `netmon run` shows them later
  netmon up --dry-run        prints what it would do
  netmon down                removes the lab")]
pub struct Up {
    #[command(flatten)]
    lab: LabFile,
    /// How the lab is watched from now on, with --persist.
    #[command(flatten)]
    watching: Watching,
    /// Print the plan, and change nothing.
    #[arg(long, env = "NETMON_DRY_RUN")]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab file is invalid (exit code 2), a privilege is missing (3) or there is a conflict (4); or with the
/// step that failed, after everything was undone.
pub fn run(args: &Up) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    if args.dry_run {
        return plan::print(&lab, Format::Table);
    }
    require_topology(&format!("building lab {}", lab.name))?;
    require(services::required_capabilities(&lab), &format!("a service of lab {}", lab.name))?;
    match LabHandle::acquire(&lab.name)? {
        LabHandle::Agent(agent, _) => reload::by_agent(agent, &lab, args.lab.file.as_ref())?,
        LabHandle::Own(claim) => build(args, &lab, &claim)?,
    }
    Ok(ExitCode::Ok)
}

fn build(args: &Up, lab: &Lab, claim: &Claim) -> anyhow::Result<()> {
    temporary::make_permanent(&lab.name)?;
    let is_new = state::State::load(&lab.name).is_none();
    let persist = args.watching.persist;
    if persist {
        require(&[Capability::Bpf], "netmon up --persist")?;
    }
    let progress = ProgressLine::start();
    agent::leave_counting(lab, claim, &args.watching.options(), persist, &progress)?;
    drop(progress);
    if let Err(error) = services::leave_running(lab, &state::directory(&lab.name)) {
        if is_new {
            control::remove(claim, &ProgressLine::start());
        }
        return Err(error.into());
    }
    log::info!("lab {} is up: {} namespaces, {} links", lab.name, lab.namespaces.len(), lab.links.len());
    Ok(())
}
