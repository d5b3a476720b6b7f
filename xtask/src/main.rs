//! `cargo xtask`: the one door, for people and for CI. Each subcommand is one file.
//!
//! It knows how to provide what the build needs, and which commands make up a check. What netmon does is
//! none of its business: it starts the `netmon` binary and never links the library, so that it builds fast
//! and before anything else is there.

mod bench;
mod build;
mod cargo;
mod ci;
mod doctor;
mod lint;
mod process;
mod provision;
mod root;
mod run;
mod test;
mod tidy;
mod vm;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// Builds, runs and checks netmon.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build what is missing, take root if needed, and be `netmon run ARGS`
    #[command(disable_help_flag = true)]
    Run {
        /// Passed to `netmon run` as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Build the agent with its eBPF object, and what that needs
    Build {
        /// With optimizations
        #[arg(long)]
        release: bool,
    },
    /// Run every test: unit tests as you are, privileged tests as root; nothing is skipped
    Test {
        /// Only tests whose names contain one of these
        filters: Vec<String>,
    },
    /// What CI runs, and what to run before a commit: fmt, tidy, lint, test, vm
    Ci,
    /// Run clippy, for the agent and for the eBPF programs apart
    Lint,
    /// Check what the compiler does not: rooms and their imports, metric names, links, licences, sizes
    Tidy(tidy::Tidy),
    /// Say what the build needs and what is there, without changing anything
    Doctor,
    /// Run tests on other kernels, in emulated virtual machines
    Vm(vm::Vm),
    /// Run a benchmark, of this tree alone or in turn with another commit
    Bench(bench::Wish),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { args } => run::run(&args),
        Command::Build { release } => build::run(release),
        Command::Test { filters } => test::run(&filters),
        Command::Ci => ci::run(),
        Command::Lint => lint::run(),
        Command::Tidy(tidy) => tidy::run(&tidy),
        Command::Doctor => doctor::run(),
        Command::Vm(vm) => vm::run(&vm),
        Command::Bench(wish) => bench::run(&wish),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
