//! `cargo xtask bench`: measurements that take longer than a test should, and whose result is a figure.
//!
//! The measuring is done by a program of its own, `netmon-bench` in `tests/bench`, which links the library and
//! runs as root; here it is built, with optimizations, and started. `docs/BENCHMARKS.md` says how to read the
//! figures.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use clap::Subcommand;

use crate::{
    cargo, process,
    provision::{self, Want},
    root::Access,
};

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// What watching changes: the round trip of a ping with hooks and without, in turn
    Observer {
        /// Runs with hooks, and as many without
        #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
        pairs: u32,
        /// Most conversations that are followed; 0 shows what the round trips cost
        #[arg(long, default_value_t = 65_536)]
        flow_entries: u32,
    },
    /// Nanoseconds a packet, by kind and hook, against an empty program and one that reads the clock
    Datapath {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What watching costs end to end: a TCP stream, small datagrams, a ping-pong, with hooks and without, in turn
    Veth {
        /// Runs with hooks, and as many without
        #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(9..))]
        pairs: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    let mut command = command(true)?;
    match *bench {
        Bench::Observer { pairs, flow_entries } => {
            command.args(["observer", &pairs.to_string(), &flow_entries.to_string()])
        }
        Bench::Datapath { json: false } => command.arg("datapath"),
        Bench::Datapath { json: true } => command.args(["datapath", "--json"]),
        Bench::Veth { pairs, json } => {
            command.args(["veth", &pairs.to_string()]).args(json.then_some("--json"))
        }
    };
    process::run(&mut command)
}

/// The verifier's instruction count of each program, and how long they take to load.
pub(crate) fn programs() -> Result<()> {
    process::run(command(false)?.arg("programs"))
}

/// The measuring program, built, and started as root.
fn command(release: bool) -> Result<Command> {
    provision::ensure(&[Want::Ebpf])?;
    Access::detect().command(&built(release)?)
}

fn built(release: bool) -> Result<PathBuf> {
    let args: &[&str] =
        if release { &["--bin", "netmon-bench", "--release"] } else { &["--bin", "netmon-bench"] };
    cargo::built("build", "netmon-bench", args)
}
