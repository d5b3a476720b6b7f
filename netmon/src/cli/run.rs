//! `netmon run`: the whole thing, until a signal comes.

use std::{io::Write as _, net::SocketAddr};

use clap::Args as ClapArgs;
use log::log_enabled;
use netmon_model::lab::Lab;

use super::{banner::Panel, exit::ExitCode, lab_file::LabFile, watching::Watching};
use crate::{
    agent::{self, Config, Started},
    datapath::Options,
    render::{progress::ProgressLine, terminal::Terminal},
    server::DEFAULT_ADDRESS,
};

/// Build a lab, watch it and serve what is seen, until Ctrl-C; then put everything back.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  netmon run                          the built-in lab: one namespace, one veth pair, a web server
  netmon run labs/direct-nginx.toml   a lab of your own
  kill -HUP PID                       read the lab file again, and change what differs, as `netmon reload`
  netmon run --keep                   leave the lab when it ends; `netmon down` removes it
  netmon run --persist                count on when the agent is killed, upgraded or ended with --keep
  netmon run --attach clsact          do without TCX, as on Linux before 6.6")]
pub struct Args {
    #[command(flatten)]
    lab: LabFile,
    /// Where to serve metrics and JSON.
    #[arg(long, env = "NETMON_LISTEN", default_value_t = DEFAULT_ADDRESS, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Leave the lab as it is at the end.
    #[arg(long, env = "NETMON_KEEP")]
    keep: bool,
    #[command(flatten)]
    watching: Watching,
    /// Have the kernel keep the programs' run times, and show them: costs about 80 ns for each packet and hook.
    #[arg(long, env = "NETMON_PROGRAM_STATS")]
    program_stats: bool,
}

/// Runs the agent.
///
/// # Errors
///
/// As [`agent::run`], marked with the exit code.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let lab = args.lab.open()?;
    let config = Config {
        listen: args.listen,
        datapath: Options { log_level: log_level(), run_time: args.program_stats, ..args.watching.options() },
        persist: args.watching.persist,
        keep: args.keep,
        probes: true,
    };
    agent::run(lab, config, ProgressLine::start(), greet).await?;
    Ok(ExitCode::Ok)
}

/// The programs log as much as the agent does.
fn log_level() -> u8 {
    let level = if log_enabled!(log::Level::Trace) {
        Some(log::Level::Trace)
    } else if log_enabled!(log::Level::Debug) {
        Some(log::Level::Debug)
    } else {
        None
    };
    Options::log_level_of(level)
}

fn greet(lab: &Lab, started: &Started) {
    let Started { http, features, stays, pinned } = started;
    let (program, pinned) = (program(), pinned.as_deref());
    let screen = Terminal::of_stdout();
    let banner =
        Panel { lab, http: *http, features: *features, stays: *stays, pinned, program: &program, screen };
    // Somebody who closed our output still wants the lab.
    let _ = write!(anstream::stdout(), "{banner}");
}

/// How netmon was called, so that what it says to type works wherever it is installed.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "netmon".to_owned())
}
