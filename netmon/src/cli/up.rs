//! `netmon up`: builds a lab and leaves it up, without an agent.

mod services;

use std::io;

use anyhow::Context as _;
use clap::Args;
use netmon_kernel::sys::capabilities::{Capability, require, require_writable};
use netmon_model::lab::Lab;
use tokio::task::block_in_place;

use super::{
    exit::ExitCode, lab_file::LabFile, output::Format, plan, privileges::require_topology, reload,
    watching::Watching,
};
use crate::{
    agent::{self, Stop},
    control::{self, LabHandle},
    ownership::{Claim, state, temporary},
    render::progress::ProgressLine,
    services::{lacking_capabilities, required_capabilities},
};

/// Which lab is built, and how.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon up                  the built-in lab: ping 10.200.0.3
  netmon up my.toml          a lab of yours; after an edit, only the difference is applied
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
pub async fn run(args: Up) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    if args.dry_run {
        return plan::print(&lab, Format::Table);
    }
    require_topology(&format!("building lab {}", lab.name))?;
    require_writable(crate::topology::written_directories(&lab), &format!("building lab {}", lab.name))?;
    require(&required_capabilities(&lab), &format!("a service of lab {}", lab.name))?;
    lacking_capabilities(&lab.services)?;
    match LabHandle::acquire(&lab.name)? {
        LabHandle::Agent(agent, _) => reload::by_agent(agent, &lab, args.lab.file.as_ref())?,
        LabHandle::Own(claim) => build(&args, &lab, &claim).await?,
    }
    Ok(ExitCode::Ok)
}

async fn build(args: &Up, lab: &Lab, claim: &Claim) -> anyhow::Result<()> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    temporary::make_permanent(&lab.name)?;
    let is_new = state::State::load(&lab.name).is_none();
    let persist = args.watching.persist;
    if persist {
        require(&[Capability::Bpf], "netmon up --persist")?;
    }
    let progress = ProgressLine::start();
    block_in_place(|| agent::leave_counting(lab, claim, &args.watching.options(), persist, &progress))?;
    drop(progress);
    if let Err(error) = services::start(lab, &mut stop).await {
        if is_new {
            warn_about(&block_in_place(|| control::remove(claim, &ProgressLine::start())));
            return Err(error).with_context(|| format!("lab {} was removed again", lab.name));
        }
        return Err(error).with_context(|| format!("lab {} is up, and its services do not run", lab.name));
    }
    log::info!("lab {} is up: {}", lab.name, contents(lab));
    services::report(lab).await;
    Ok(())
}

fn warn_about(left: &[String]) {
    left.iter().for_each(|left| log::warn!("{left}"));
}

/// Returns how much is in the lab, and where its services log.
fn contents(lab: &Lab) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut text =
        format!("{}, {}", counted(lab.namespaces.len(), "namespace"), counted(lab.links.len(), "link"));
    if !lab.services.is_empty() {
        let log = crate::services::log_file(&state::directory(&lab.name));
        text += &format!(", {} (log: {})", counted(lab.services.len(), "service"), log.display());
    }
    text
}

/// A signal ended the command while services were being started.
#[derive(Debug, thiserror::Error)]
#[error("interrupted before all services had started")]
struct Interrupted;

/// Returns the error of a task that panicked.
fn panicked(error: tokio::task::JoinError) -> anyhow::Error {
    io::Error::other(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contents_of_a_lab_are_counted_and_the_log_of_its_services_is_named() {
        let mut lab = netmon_labfile::built_in();
        assert_eq!(contents(&lab), "1 namespace, 1 link, 1 service (log: /run/netmon/direct/services.log)");
        lab.services.clear();
        lab.namespaces.push(lab.namespaces[0].clone());
        assert_eq!(contents(&lab), "2 namespaces, 1 link");
    }
}
