//! `cargo xtask`: the entry point for developers and for CI. Each subcommand is one file.
//!
//! xtask installs what the build needs and knows which commands make up a check. It starts the `netmon` binary and
//! never links the library, so that it builds fast, and before anything else is installed.

mod bench;
mod book;
mod build;
mod cargo;
mod cargo_tool;
mod ci;
mod dashboards;
mod deny;
mod dist;
mod doctor;
mod ebpf;
mod fuzz;
mod kubernetes;
mod lint;
mod miri;
mod nightly;
mod pip;
mod process;
mod provision;
mod root;
mod run;
mod screenshots;
mod soak;
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
    /// Build what is missing, become root if needed, and exec `netmon run ARGS`
    #[command(disable_help_flag = true)]
    Run {
        /// Arguments for `netmon run`, passed on unchanged
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Build `target/release/netmon`, and print its path
    Build {
        /// Without optimizations, and with the checks of a debug build: target/debug/netmon
        #[arg(long)]
        debug: bool,
    },
    /// Build and pack netmon for others: archives, packages, images, checksums, a bill of materials
    Dist(dist::Dist),
    /// Make the eBPF objects in netmon/object from their sources; installs what that needs
    Ebpf(ebpf::Ebpf),
    /// Run every test: unit tests as the current user, privileged tests as root. A skipped test fails
    Test {
        /// Only tests whose names contain one of these
        filters: Vec<String>,
    },
    /// Run every check, as CI does and as you should before a commit: fmt, tidy, dashboards, book, lint, test, vm
    Ci,
    /// Run clippy on the agent and on the eBPF programs
    Lint,
    /// Check what the compiler does not: imports between rooms, metric names, links, licences, sizes
    Tidy(tidy::Tidy),
    /// List what the build needs and what is installed, without changing anything
    Doctor,
    /// Run tests on other kernels, in emulated virtual machines
    Vm(vm::Vm),
    /// Run a benchmark, of this tree alone or alternating with another commit
    Bench(bench::Wish),
    /// Run a fuzz target with libFuzzer; needs nightly
    Fuzz(fuzz::Fuzz),
    /// Run what is pure in Miri; needs nightly with its component miri
    Miri,
    /// Check licences, bans, sources and advisories with cargo-deny; builds it if it is missing
    Deny,
    /// Use netmon for minutes, kill it, load it, and watch what grows
    Soak(soak::Soak),
    /// Make dashboards/*.json from the table of panels
    Dashboards(dashboards::Dashboards),
    /// Build the pages as a book for a browser, in target/book/html, and check its links
    Book,
    /// Take the pictures in docs/pictures, from a running lab with traffic
    Screenshots,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { args } => run::run(&args),
        Command::Build { debug } => build::run(!debug),
        Command::Ebpf(wish) => ebpf::run(wish),
        Command::Test { filters } => test::run(&filters),
        Command::Ci => ci::run(),
        Command::Lint => lint::run(),
        Command::Tidy(tidy) => tidy::run(&tidy),
        Command::Doctor => doctor::run(),
        Command::Vm(vm) => vm::run(&vm),
        Command::Bench(wish) => bench::run(&wish),
        Command::Fuzz(wish) => fuzz::run(&wish),
        Command::Miri => miri::run(),
        Command::Deny => deny::run(),
        Command::Dist(dist) => dist::run(&dist),
        Command::Soak(wish) => soak::run(&wish),
        Command::Dashboards(options) => dashboards::run(&options),
        Command::Book => book::run(),
        Command::Screenshots => screenshots::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
