//! `netmon reload`: tells the agent of a lab to apply its lab file again.

use std::path::{self, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use netmon_model::lab::Lab;

use super::{exit::ExitCode, lab_file::LabFile, privileges::require_topology};
use crate::control::{Client, LabHandle, Request};

/// Which lab.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon plan my.toml       shows what would change
  netmon reload my.toml     changes it: links that stay keep their counters and lose no packet
  kill -HUP PID             the same, for the file that the agent was started with
Exit codes: 0 success, 1 failed, or no agent runs the lab, 2 the lab file is invalid, 3 this kernel
lacks something that the lab needs, 4 a foreign object is in the way, or the lab is held by a
process that is no agent.")]
pub struct Reload {
    #[command(flatten)]
    lab: LabFile,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if the lab file is invalid, no agent runs the lab, or the agent cannot change it.
pub fn run(args: &Reload) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    require_topology(&format!("changing lab {}", lab.name))?;
    let agent = LabHandle::agent(&lab.name)?.ok_or_else(|| {
        anyhow!(
            "no agent runs lab {}: `netmon up` changes a lab that is up, `netmon run` builds and watches one",
            lab.name
        )
    })?;
    by_agent(agent, &lab, args.lab.file.as_ref())?;
    Ok(ExitCode::Ok)
}

/// Tells the agent to change its lab to `lab`, which is in `file`, and waits until it has.
///
/// # Errors
///
/// Fails with what the agent reports, and the exit code that `netmon up` would have.
pub fn by_agent(mut agent: Client, lab: &Lab, file: Option<&PathBuf>) -> anyhow::Result<()> {
    // The agent has a working directory of its own.
    let file = file.map(path::absolute).transpose().context("cannot determine the path of the lab file")?;
    agent.request(&Request::Change(file)).with_context(|| format!("cannot change lab {}", lab.name))?;
    log::info!("lab {} is as {} has it", lab.name, lab.source);
    Ok(())
}
