//! `netmon test`: builds labs, checks what they expect, and removes them again.

use std::{path::PathBuf, time::SystemTime};

use anyhow::{Context as _, anyhow};
use clap::{Args as ClapArgs, ValueEnum};
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::{
    lab::{Lab, Source},
    names::LabName,
};
use serde::Serialize;

use super::{exit::ExitCode, failure::UsageError, lab_file::LabFile, logging, output};
use crate::{
    expect::{Verdict, trial},
    render::progress::ProgressLine,
};

mod report;

/// Which labs, and how the outcome is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon test labs/router.toml             builds it, checks its [[expect]] sections, removes it
  netmon test lab.toml -o junit > out.xml  for a CI server
  netmon test labs/*.toml                  several, one after the other; those without expectations are skipped
Exit codes: 0 all expectations held, 1 a lab could not be built, or interrupted, 2 a lab file is invalid, 3 a privilege
is missing, 4 a lab is held or a name is taken, 5 an expectation did not hold.")]
pub struct Args {
    /// The lab files.
    #[arg(value_name = "FILE", env = "NETMON_FILE")]
    files: Vec<PathBuf>,
    /// Output format.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Form,
}

/// How the outcome is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For CI servers: the XML that JUnit writes.
    Junit,
}

/// The outcome of one lab.
struct Outcome {
    lab: Lab,
    began: SystemTime,
    verdicts: Vec<Verdict>,
    /// Why the lab could not be built or checked. `None` if it was.
    error: Option<String>,
}

/// A verdict in JSON.
#[derive(Serialize)]
struct LabVerdict<'a> {
    lab: &'a LabName,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Runs the command. The other labs are tested even if one cannot be built.
///
/// # Errors
///
/// Fails as `netmon run` does, with the first lab that could not be built; or if no lab expects anything.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let labs = labs_of(args.files)?;
    require(&[Capability::NetRaw], "netmon test")?;
    let mut outcomes = Vec::with_capacity(labs.len());
    let (mut first, mut interrupted) = (None, false);
    for lab in labs {
        let began = SystemTime::now();
        let checked = trial(&lab, ProgressLine::start(), ProgressLine::start).await;
        let checked = checked.with_context(|| format!("lab {}", lab.name));
        let (verdicts, error) = match checked {
            Ok(Some(verdicts)) => (verdicts, None),
            Ok(None) => {
                interrupted = true;
                break;
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        match &error {
            Some(error) if first.is_some() => logging::print_error(&format!("netmon: {error:#}")),
            None if args.output == Form::Table => output::print(&report::table(&lab.name, &verdicts))?,
            _ => {}
        }
        let text = error.as_ref().map(|error| format!("{error:#}"));
        outcomes.push(Outcome { lab, began, verdicts, error: text });
        first = first.or(error);
    }
    match args.output {
        Form::Table => {}
        Form::Json => {
            let mut all = Vec::new();
            for Outcome { lab, verdicts, .. } in &outcomes {
                all.extend(verdicts.iter().map(|verdict| LabVerdict { lab: &lab.name, verdict }));
            }
            output::print(&(serde_json::to_string_pretty(&all)? + "\n"))?;
        }
        Form::Junit => output::print(&report::junit(&outcomes)?)?,
    }
    if interrupted {
        return Err(anyhow!("interrupted: the lab was removed before all expectations had been checked"));
    }
    match first {
        Some(error) => Err(error),
        None => Ok(verdict(outcomes.iter().flat_map(|outcome| &outcome.verdicts))),
    }
}

/// The labs that expect something. All files are read before the first lab is built: an invalid one stops everything.
fn labs_of(files: Vec<PathBuf>) -> anyhow::Result<Vec<Lab>> {
    let files: Vec<_> = if files.is_empty() { vec![None] } else { files.into_iter().map(Some).collect() };
    let all = files.into_iter().map(|file| LabFile { file }.open()).collect::<anyhow::Result<Vec<Lab>>>()?;
    let (labs, without): (Vec<Lab>, Vec<Lab>) = all.into_iter().partition(|lab| !lab.expectations.is_empty());
    if let (true, Some(lab)) = (labs.is_empty(), without.first()) {
        let advice = match &lab.source {
            Source::BuiltIn => "give a lab file that has [[expect]] sections".to_owned(),
            Source::File(path) => format!("add [[expect]] sections to {}", path.display()),
        };
        return Err(UsageError(format!("lab {} expects nothing: {advice}", lab.name)).into());
    }
    for lab in without {
        log::warn!("{}: lab {} expects nothing and is skipped", lab.source, lab.name);
    }
    Ok(labs)
}

/// The exit code of checks that ran.
fn verdict<'v>(mut verdicts: impl Iterator<Item = &'v Verdict>) -> ExitCode {
    if verdicts.all(|verdict| verdict.held) { ExitCode::Ok } else { ExitCode::Expectation }
}
