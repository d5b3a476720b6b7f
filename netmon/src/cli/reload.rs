//! `netmon reload`: has the agent of a lab make it as its file says now.

use std::path::{self, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use netmon_model::lab::Lab;

use super::{exit::ExitCode, failure, lab_file::LabFile};
use crate::{
    control::{self, Answer, Refused, Request},
    ownership::claim,
};

/// Which lab.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  netmon plan my.toml       what would change
  netmon reload my.toml     change it: links that stay keep their counters and lose no packet
  kill -HUP PID             the same, for the file that the agent was started with
Exit codes: 0 done, 1 failed, or no agent runs the lab, 2 an invalid lab file,
3 this kernel lacks something that the lab wants, 4 something else is in the way.")]
pub struct Reload {
    #[command(flatten)]
    lab: LabFile,
}

/// Runs the command.
///
/// # Errors
///
/// A lab file that is no lab, nobody who runs the lab, or what the agent says.
pub fn run(args: &Reload) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    failure::require_topology(&format!("changing lab {}", lab.name))?;
    if claim::holder(&lab.name).is_none() {
        return Err(anyhow!(
            "no agent runs lab {}: `netmon up` changes a lab that stands, `netmon run` builds and watches one",
            lab.name
        ));
    }
    by_agent(&lab, args.lab.file.as_ref())?;
    Ok(ExitCode::Ok)
}

/// Asks the agent that holds the lab, and waits until it is done.
///
/// # Errors
///
/// What the agent says, with the exit code that `netmon up` would have; or that nobody answers.
pub fn by_agent(lab: &Lab, file: Option<&PathBuf>) -> anyhow::Result<()> {
    let file = file.map(path::absolute).transpose().context("the lab file's path")?;
    let Answer { errors, refused } = control::ask(&lab.name, &Request::Change(file))
        .with_context(|| format!("asking the agent of lab {}", lab.name))?;
    if errors.is_empty() {
        log::info!("lab {} is as {} has it", lab.name, lab.source);
        return Ok(());
    }
    let error = anyhow!("lab {} stays as it was: {}", lab.name, errors.join("\n  "));
    Err(match refused {
        Some(Refused::Invalid) => ExitCode::Usage.because(error),
        Some(Refused::Conflict) => ExitCode::Conflict.because(error),
        Some(Refused::Unsupported) => ExitCode::Unavailable.because(error),
        None => error,
    })
}
