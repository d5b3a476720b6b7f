//! `netmon record`: records what an agent measures, as one file.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args as ClapArgs;
use netmon_compare::recording::{EndReason, Totals};
use tokio::signal::unix::{SignalKind, signal};

use super::{exit::ExitCode, failure::UsageError, output, which_agent::WhichAgent};
use crate::{
    api::client::Client,
    record::{self, CreateError, Options, Recorded},
    render::{progress::ProgressLine, units},
};

/// What is recorded, for how long, and where to.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon record                                   a minute of the lab of this host
  netmon record office --write base.netmon.gz     one of several labs, to this file
  netmon record --seconds 300 --write base.netmon.gz
  netmon record --seconds 0                       until Ctrl-C, or until the agent ends
  zcat base.netmon.gz | jq -c .window.t           a recording is lines of JSON (docs/RECORD.md)
Compare two recordings with netmon compare. Those of the same length, made under the same load, compare best.
Exit codes: 0 recorded, also if Ctrl-C ended it; 1 no agent runs, it ended before the time, or the file cannot be written;
2 the file exists.")]
pub struct Args {
    #[command(flatten)]
    agent: WhichAgent,
    /// The file; by default LAB-TIME.netmon.gz in the current directory.
    #[arg(short, long, env = "NETMON_RECORDING", value_name = "FILE")]
    write: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// How long to record. 0 records until Ctrl-C. Shorter recordings than 30 seconds show large changes only.
    #[arg(long, env = "NETMON_SECONDS", value_name = "N", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    seconds: u64,
    /// Time from one reading to the next in milliseconds.
    #[arg(long, env = "NETMON_INTERVAL_MS", value_name = "MS", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(100..=600_000))]
    interval_ms: u64,
}

/// Runs the command.
///
/// # Errors
///
/// Fails if no agent runs, it ends before the time, or the file cannot be written (exit code 1); or if the file exists (2).
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = Client::new(args.agent.address()?);
    let options = Options {
        interval: Duration::from_millis(args.interval_ms),
        duration: (args.seconds > 0).then(|| Duration::from_secs(args.seconds)),
        is_on_this_host: !args.agent.is_by_address(),
    };
    let first = record::first_reading(&client).await?;
    let path = args.write.unwrap_or_else(|| default_path(&first));
    let file = record::create(&path, args.force).map_err(usage)?;
    let stop = stop().context("cannot listen for signals")?;
    let progress = ProgressLine::start();
    let recorded = record::record(&client, first, file, options, stop, &progress).await;
    drop(progress);
    let Recorded { windows, reason } = recorded.with_context(|| path.display().to_string())?;
    if reason == EndReason::AgentGone && options.duration.is_some() {
        bail!("the agent ended before the time; {} has what was recorded until then", path.display());
    }
    output::print(&format!("recorded {} windows to {}\n", units::count(windows), path.display()))?;
    Ok(ExitCode::Ok)
}

/// Returns the name of the file: the lab, and the time of the first reading.
fn default_path(first: &Totals) -> PathBuf {
    let lab = first.lab.as_ref().map_or("host", |lab| lab.name.as_str());
    let began = i64::try_from(first.taken_at_unix_ms).unwrap_or_default();
    let began = jiff::Timestamp::from_millisecond(began).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    format!("{lab}-{began}.netmon.gz").into()
}

/// A file that exists is an error of usage.
fn usage(error: CreateError) -> anyhow::Error {
    match error {
        CreateError::Exists(_) => UsageError(error.to_string()).into(),
        CreateError::Create { .. } => error.into(),
    }
}

/// Waits for SIGINT or SIGTERM, which end the recording well.
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use netmon_compare::recording::{Agent, TotalsLab};

    use super::*;

    #[test]
    fn a_recording_is_named_after_its_lab_and_time() {
        let lab = TotalsLab { name: "office".parse().unwrap(), file: "office.toml".to_owned() };
        let mut first = Totals {
            taken_at_unix_ms: 1_790_000_000_000,
            monotonic_ns: 1,
            agent: Agent::default(),
            lab: Some(lab),
            totals: Vec::new(),
        };
        assert_eq!(default_path(&first).to_str(), Some("office-20260921T141320Z.netmon.gz"));
        first.lab = None;
        assert_eq!(default_path(&first).to_str(), Some("host-20260921T141320Z.netmon.gz"));
    }
}
