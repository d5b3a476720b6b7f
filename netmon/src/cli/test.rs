//! `netmon test`: the expectations of labs, each lab from nothing to nothing.

use std::{net::SocketAddr, path::PathBuf, time::SystemTime};

use anyhow::{Context as _, anyhow};
use clap::{Args as ClapArgs, ValueEnum};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{exit::ExitCode, failure, lab_file::LabFile, output, progress::ProgressLine};
use crate::{
    agent::{self, Config},
    client::Client,
    datapath::Options,
    expect::{self, Verdict},
    lab::Lab,
    sys::capabilities::{Capability, require},
};

mod report;

/// Which labs, and how the outcome is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon test labs/router.toml             build it, check its [[expect]] sections, take it down
  netmon test lab.toml -o junit > out.xml  for a CI server
  netmon test labs/*.toml                  several, one after the other
Exit codes: 0 all held, 1 it could not be built or was interrupted, 2 an invalid lab file, 3 a privilege is missing,
4 the lab is held or a name is taken, 5 an expectation did not hold.")]
pub struct Args {
    /// The lab files; without one, the built-in lab `direct`.
    #[arg(value_name = "FILE", env = "NETMON_FILE")]
    files: Vec<PathBuf>,
    /// How to print.
    #[arg(short, long, env = "NETMON_OUTPUT", value_enum, default_value_t)]
    output: Form,
}

/// How the outcome is printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
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
}

/// Runs the command.
///
/// # Errors
///
/// As `netmon run`; and when there is nothing to check.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut labs = Vec::new();
    let files: Vec<_> =
        if args.files.is_empty() { vec![None] } else { args.files.into_iter().map(Some).collect() };
    for file in files {
        let lab = LabFile { file }.open()?;
        if lab.expectations.is_empty() {
            let nothing =
                anyhow!("lab {} expects nothing: add [[expect]] sections to {}", lab.name, lab.source);
            return Err(ExitCode::Usage.because(nothing));
        }
        labs.push(lab);
    }
    require(&[Capability::NetRaw], "netmon test").map_err(failure::of_privilege)?;
    let mut outcomes = Vec::with_capacity(labs.len());
    for lab in labs {
        let began = SystemTime::now();
        let verdicts = check(&lab).await.with_context(|| format!("lab {}", lab.name))?;
        if matches!(args.output, Form::Table) {
            output::print(&report::table(&lab.name, &verdicts))?;
        }
        outcomes.push(Outcome { lab, began, verdicts });
    }
    match args.output {
        Form::Table => {}
        Form::Json => {
            let all: Vec<&Verdict> = outcomes.iter().flat_map(|outcome| &outcome.verdicts).collect();
            output::print(&(serde_json::to_string_pretty(&all)? + "\n"))?;
        }
        Form::Junit => output::print(&report::junit(&outcomes)?)?,
    }
    Ok(verdict(outcomes.iter().flat_map(|outcome| &outcome.verdicts)))
}

/// Builds a lab, checks what it expects, and takes it down.
async fn check(lab: &Lab) -> anyhow::Result<Vec<Verdict>> {
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
    Ok(checked.ok_or_else(|| anyhow!("interrupted: the lab is taken down, and nothing is proved"))??)
}

/// What a script is told.
fn verdict<'v>(mut verdicts: impl Iterator<Item = &'v Verdict>) -> ExitCode {
    if verdicts.all(|verdict| verdict.held) { ExitCode::Ok } else { ExitCode::Expectation }
}
