//! The command line: one file a subcommand, and nothing in them but parsing and printing.

pub mod exit;
pub mod logging;
pub mod run;
pub mod supervise;

use clap::{Parser, Subcommand};

use self::exit::ExitCode;

/// What happens between network namespaces: how many packets, how late, how many lost.
#[derive(Debug, Parser)]
#[command(name = "netmon", version, about, max_term_width = 100)]
pub struct Cli {
    /// What is logged: error, warn, info, debug or trace, or env_logger's filters.
    #[arg(long, global = true, env = "NETMON_LOG", default_value = "info", value_name = "LEVEL")]
    pub log: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Args),
    /// Runs the services of a lab that was made without an agent.
    #[command(hide = true)]
    Supervise(supervise::Supervise),
}

/// Runs the command that was asked for, and says how the process should end.
///
/// # Errors
///
/// Whatever went wrong, marked with its exit code ([`ExitCode::of`]).
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => with_runtime(run::run(args)),
        Command::Supervise(args) => supervise::run(&args),
    }
}

/// Runs an asynchronous command to its end.
fn with_runtime(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(command)
}
