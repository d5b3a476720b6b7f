//! `netmon test`: a lab's expectations, from nothing to nothing.

use std::net::SocketAddr;

use anyhow::anyhow;
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
    sys::capabilities::{Capability, require},
};

mod report;

/// Which lab, and how the outcome is printed.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon test labs/router.toml             build it, check its [[expect]] sections, take it down
  netmon test lab.toml -o junit > out.xml  for a CI server
Exit codes: 0 all held, 1 it could not be built or was interrupted, 2 an invalid lab file, 3 a privilege is missing,
4 the lab is held or a name is taken, 5 an expectation did not hold.")]
pub struct Args {
    #[command(flatten)]
    lab: LabFile,
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

/// Runs the command.
///
/// # Errors
///
/// As `netmon run`; and when there is nothing to check.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    if lab.expectations.is_empty() {
        let nothing = anyhow!("lab {} expects nothing: add [[expect]] sections to {}", lab.name, lab.source);
        return Err(ExitCode::Usage.because(nothing));
    }
    require(&[Capability::NetRaw], "netmon test").map_err(failure::of_privilege)?;
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        datapath: Options::default(),
        keep: false,
        persist: false,
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
        expect::check(&lab, &Client::new(address), &ProgressLine::start()).await
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
    let verdicts =
        checked.ok_or_else(|| anyhow!("interrupted: the lab is taken down, and nothing is proved"))??;
    let text = match args.output {
        Form::Table => report::table(&lab.name, &verdicts),
        Form::Json => serde_json::to_string_pretty(&verdicts)? + "\n",
        Form::Junit => report::junit(&lab.name, &verdicts)?,
    };
    output::print(&text)?;
    Ok(verdict(&verdicts))
}

/// What a script is told.
fn verdict(verdicts: &[Verdict]) -> ExitCode {
    if verdicts.iter().all(|verdict| verdict.held) { ExitCode::Ok } else { ExitCode::Expectation }
}
