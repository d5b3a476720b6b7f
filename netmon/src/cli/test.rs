//! `netmon test`: the expectations of labs, each lab from nothing to nothing.

use std::{net::SocketAddr, path::PathBuf, time::SystemTime};

use anyhow::{Context as _, anyhow};
use clap::{Args as ClapArgs, ValueEnum};
use netmon_kernel::sys::capabilities::{Capability, require};
use netmon_model::{
    lab::{Lab, Source},
    names::LabName,
};
use serde::Serialize;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{exit::ExitCode, failure, lab_file::LabFile, output};
use crate::{
    agent::{self, Config},
    api::client::Client,
    datapath::Options,
    expect::{self, Verdict},
    render::progress::ProgressLine,
};

mod report;

/// Which labs, and how the outcome is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon test labs/router.toml             build it, check its [[expect]] sections, take it down
  netmon test lab.toml -o junit > out.xml  for a CI server
  netmon test labs/*.toml                  several, one after the other; those that expect nothing are left out
Exit codes: 0 all held, 1 it could not be built or was interrupted, 2 an invalid lab file, 3 a privilege is missing,
4 the lab is held or a name is taken, 5 an expectation did not hold.")]
pub struct Args {
    /// The lab files.
    #[arg(value_name = "FILE", env = "NETMON_FILE")]
    files: Vec<PathBuf>,
    /// How to print.
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

/// What came of one lab.
struct Outcome {
    lab: Lab,
    began: SystemTime,
    verdicts: Vec<Verdict>,
    /// Why the lab could not be built, or looked at.
    error: Option<String>,
}

/// A verdict as programs read it.
#[derive(Serialize)]
struct OfLab<'a> {
    lab: &'a LabName,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Runs the command. A lab that cannot be built does not keep the others from being tested.
///
/// # Errors
///
/// As `netmon run`, with the first lab that could not be built; and when there is nothing to check.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let labs = labs_of(args.files)?;
    require(&[Capability::NetRaw], "netmon test").map_err(failure::of_privilege)?;
    let mut outcomes = Vec::with_capacity(labs.len());
    let (mut first, mut interrupted) = (None, false);
    for lab in labs {
        let began = SystemTime::now();
        let checked = check(&lab).await.with_context(|| format!("lab {}", lab.name));
        let (verdicts, error) = match checked {
            Ok(Some(verdicts)) => (verdicts, None),
            Ok(None) => {
                interrupted = true;
                break;
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        match &error {
            Some(error) if first.is_some() => anstream::eprintln!("netmon: {error:#}"),
            None if args.output == Form::Table => output::print(&report::table(&lab.name, &verdicts))?,
            _ => {}
        }
        let told = error.as_ref().map(|error| format!("{error:#}"));
        outcomes.push(Outcome { lab, began, verdicts, error: told });
        first = first.or(error);
    }
    match args.output {
        Form::Table => {}
        Form::Json => {
            let mut all = Vec::new();
            for Outcome { lab, verdicts, .. } in &outcomes {
                all.extend(verdicts.iter().map(|verdict| OfLab { lab: &lab.name, verdict }));
            }
            output::print(&(serde_json::to_string_pretty(&all)? + "\n"))?;
        }
        Form::Junit => output::print(&report::junit(&outcomes)?)?,
    }
    if interrupted {
        return Err(anyhow!("interrupted: the lab is taken down, and nothing is proved"));
    }
    match first {
        Some(error) => Err(error),
        None => Ok(verdict(outcomes.iter().flat_map(|outcome| &outcome.verdicts))),
    }
}

/// The labs that expect something. All are read before one is built: a wrong file stops everything.
fn labs_of(files: Vec<PathBuf>) -> anyhow::Result<Vec<Lab>> {
    let files: Vec<_> = if files.is_empty() { vec![None] } else { files.into_iter().map(Some).collect() };
    let all = files.into_iter().map(|file| LabFile { file }.open()).collect::<anyhow::Result<Vec<Lab>>>()?;
    let (labs, without): (Vec<Lab>, Vec<Lab>) = all.into_iter().partition(|lab| !lab.expectations.is_empty());
    if let (true, Some(lab)) = (labs.is_empty(), without.first()) {
        let advice = match &lab.source {
            Source::BuiltIn => "give a lab file that has [[expect]] sections".to_owned(),
            Source::File(path) => format!("add [[expect]] sections to {}", path.display()),
        };
        return Err(ExitCode::Usage.because(anyhow!("lab {} expects nothing: {advice}", lab.name)));
    }
    for lab in without {
        log::warn!("{}: lab {} expects nothing, and is not tested", lab.source, lab.name);
    }
    Ok(labs)
}

/// Builds a lab, checks what it expects, and takes it down; none when that was interrupted.
async fn check(lab: &Lab) -> anyhow::Result<Option<Vec<Verdict>>> {
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        datapath: Options::default(),
        keep: false,
        persist: false,
        // Their packets would be taken for those of expectations.
        probes: false,
    };
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (ready, is_ready) = oneshot::channel();
    let (done, is_done) = oneshot::channel::<()>();
    let agent = agent::run_until(
        lab.clone(),
        config,
        ProgressLine::start(),
        move |_, started| {
            // Whoever was to hear it is this very function.
            let _ = ready.send(started.http);
        },
        async move { drop(is_done.await) },
    );
    let checks = async {
        // No address: the agent did not start, and says why.
        let Ok(address) = is_ready.await else { return Ok(Vec::new()) };
        expect::check(lab, &Client::new(address), &ProgressLine::start()).await
    };
    let checks = async {
        // The agent hears the signal as well, and takes the lab down: what runs in it has to end first.
        let checked = tokio::select! {
            checked = checks => Some(checked),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        };
        drop(done);
        checked
    };
    let (ended, checked) = tokio::join!(agent, checks);
    ended.map_err(failure::of_agent)?;
    Ok(checked.transpose()?)
}

/// What a script is told.
fn verdict<'v>(mut verdicts: impl Iterator<Item = &'v Verdict>) -> ExitCode {
    if verdicts.all(|verdict| verdict.held) { ExitCode::Ok } else { ExitCode::Expectation }
}
