//! `netmon test`: builds labs, checks what they expect, and removes them again.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, anyhow};
use clap::{Args as ClapArgs, ValueEnum};
use netmon_kernel::sys::capabilities::{Capability, require};
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
  netmon test labs/*.toml                  one after the other; without [[expect]], skipped
A file that is no lab is an error of its own in JSON and JUnit; the other labs are tested.
Exit codes: 0 all expectations held, 1 a lab could not be built, or interrupted, 2 a lab file is
invalid, 3 a privilege is missing, 4 a lab is held or a name is taken, 5 an expectation did not
hold.")]
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
    /// The lab's name; of a file without a valid lab, its stem.
    name: String,
    /// The lab file, or `built-in`.
    source: String,
    began: SystemTime,
    verdicts: Vec<Verdict>,
    /// Why the lab could not be read, built or checked. `None` if it was.
    error: Option<String>,
}

/// A verdict in JSON.
#[derive(Serialize)]
struct LabVerdict<'a> {
    lab: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// A lab without a verdict in JSON.
#[derive(Serialize)]
struct LabError<'a> {
    lab: &'a str,
    file: &'a str,
    error: &'a str,
}

/// Why a lab file has no outcome.
enum Untested {
    /// A signal arrived.
    Interrupted,
    /// It expects nothing.
    ExpectsNothing,
}

/// Runs the command. The other labs are tested even if one is invalid or cannot be built.
///
/// # Errors
///
/// Fails with the first lab that could not be read or built; or if no lab expects anything.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (mut outcomes, mut first, mut interrupted) = (Vec::new(), None, false);
    for file in files(args.files) {
        let (outcome, error) = match test(&file).await {
            Ok(tested) => tested,
            Err(Untested::ExpectsNothing) => continue,
            Err(Untested::Interrupted) => {
                interrupted = true;
                break;
            }
        };
        match &error {
            // The first one is returned, and printed at the end.
            Some(error) if first.is_some() => logging::print_error(&format!("netmon: {error:#}")),
            None if args.output == Form::Table => {
                output::print(&report::table(&outcome.name, &outcome.verdicts))?;
            }
            _ => {}
        }
        outcomes.push(outcome);
        first = first.or(error);
    }
    match args.output {
        Form::Table => {}
        Form::Json => output::print(&(json(&outcomes)? + "\n"))?,
        Form::Junit => output::print(&report::junit(&outcomes)?)?,
    }
    if interrupted {
        return Err(anyhow!("interrupted: the lab was removed before all expectations had been checked"));
    }
    match first {
        Some(error) => Err(error),
        None if outcomes.is_empty() => Err(UsageError(
            "no lab expects anything: give a lab file that has [[expect]] sections".to_owned(),
        )
        .into()),
        None => Ok(verdict(outcomes.iter().flat_map(|outcome| &outcome.verdicts))),
    }
}

/// The lab files that were given; `None` is the built-in lab.
fn files(given: Vec<PathBuf>) -> Vec<Option<PathBuf>> {
    if given.is_empty() { vec![None] } else { given.into_iter().map(Some).collect() }
}

/// Tests the lab in one file. Returns its outcome, and the error that it has if it could not be read or built.
async fn test(file: &Option<PathBuf>) -> Result<(Outcome, Option<anyhow::Error>), Untested> {
    let began = SystemTime::now();
    let lab = match (LabFile { file: file.clone() }).open() {
        Ok(lab) => lab,
        Err(error) => return Ok((unreadable(file.as_deref(), began, &error), Some(error))),
    };
    if lab.expectations.is_empty() {
        log::warn!("{}: lab {} expects nothing and is skipped", lab.source, lab.name);
        return Err(Untested::ExpectsNothing);
    }
    let checked = match require(&[Capability::NetRaw], "netmon test") {
        Ok(()) => trial(&lab, ProgressLine::start(), ProgressLine::start).await.map_err(Into::into),
        Err(missing) => Err(missing.into()),
    };
    let checked: anyhow::Result<_> = checked;
    let (verdicts, error) = match checked.with_context(|| format!("lab {}", lab.name)) {
        Ok(Some(verdicts)) => (verdicts, None),
        Ok(None) => return Err(Untested::Interrupted),
        Err(error) => (Vec::new(), Some(error)),
    };
    let text = error.as_ref().map(|error| format!("{error:#}"));
    let (name, source) = (lab.name.to_string(), lab.source.to_string());
    Ok((Outcome { name, source, began, verdicts, error: text }, error))
}

/// The outcome of a file that is no lab, or cannot be read.
fn unreadable(file: Option<&Path>, began: SystemTime, error: &anyhow::Error) -> Outcome {
    let path = file.unwrap_or(Path::new("built-in"));
    Outcome {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        source: path.display().to_string(),
        began,
        verdicts: Vec::new(),
        error: Some(format!("{error:#}")),
    }
}

/// All verdicts as one list, with an entry for each lab that could not be read or built.
fn json(outcomes: &[Outcome]) -> serde_json::Result<String> {
    let mut all = Vec::new();
    for Outcome { name, source, verdicts, error, .. } in outcomes {
        for verdict in verdicts {
            all.push(serde_json::to_value(LabVerdict { lab: name, verdict })?);
        }
        if let Some(error) = error {
            all.push(serde_json::to_value(LabError { lab: name, file: source, error })?);
        }
    }
    serde_json::to_string_pretty(&all)
}

/// The exit code of checks that ran.
fn verdict<'v>(mut verdicts: impl Iterator<Item = &'v Verdict>) -> ExitCode {
    if verdicts.all(|verdict| verdict.held) { ExitCode::Ok } else { ExitCode::Expectation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_lab_is_an_entry_of_its_own_in_json() {
        let error = anyhow!("the lab file is invalid");
        let outcome = unreadable(Some(Path::new("labs/bad.toml")), SystemTime::UNIX_EPOCH, &error);
        let entries: serde_json::Value = serde_json::from_str(&json(&[outcome]).unwrap()).unwrap();
        let entry = serde_json::json!({
            "lab": "bad", "file": "labs/bad.toml", "error": "the lab file is invalid"
        });
        assert_eq!(entries, serde_json::json!([entry]));
    }
}
