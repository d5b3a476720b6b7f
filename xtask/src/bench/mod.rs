//! `cargo xtask bench`: measurements that take longer than a test should, and whose result is a figure.
//!
//! The measuring is done by a program of its own, `netmon-bench` in `tests/bench`, which links the library and
//! runs as root; here it is built, with optimizations, and started. `docs/BENCHMARKS.md` says how to read the
//! figures.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use clap::Subcommand;

use crate::{
    build, cargo, process,
    provision::{self, Want},
    root::Access,
    test,
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
    /// Building and removing labs of many namespaces, beside raw netlink and a script of `ip`; and watching one
    Topology {
        /// Numbers of namespaces
        #[arg(short = 'n', long, value_delimiter = ',', default_values_t = [200, 1000, 2000],
              value_parser = clap::value_parser!(u32).range(1..=16_000))]
        namespaces: Vec<u32>,
        /// How often each is built and removed, by each
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// For which of these numbers the script of `ip` commands is run, once (45 s for 1,000); 0 leaves it out
        #[arg(long, default_value_t = 1000, value_name = "N")]
        script: u32,
        /// How many links are watched afterwards; 0 leaves it out
        #[arg(long, default_value_t = 1000, value_name = "N")]
        watched: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    let mut command = match bench {
        Bench::Topology { .. } => beside_netmon()?,
        _ => command(true)?,
    };
    match *bench {
        Bench::Observer { pairs, flow_entries } => {
            command.args(["observer", &pairs.to_string(), &flow_entries.to_string()])
        }
        Bench::Datapath { json: false } => command.arg("datapath"),
        Bench::Datapath { json: true } => command.args(["datapath", "--json"]),
        Bench::Veth { pairs, json } => {
            command.args(["veth", &pairs.to_string()]).args(json.then_some("--json"))
        }
        Bench::Topology { ref namespaces, rounds, script, watched, json } => {
            let namespaces: Vec<String> = namespaces.iter().map(u32::to_string).collect();
            command
                .args(["topology", &namespaces.join(",")])
                .args([rounds, script, watched].map(|number| number.to_string()))
                .args(json.then_some("--json"))
        }
    };
    process::run(&mut command)
}

/// The measuring program, told where netmon is: it starts it as people do.
fn beside_netmon() -> Result<Command> {
    let (netmon, bench) = (build::netmon(true)?, built(true)?);
    // sudo passes variables on by name, so they go through `env`, which works for root as well.
    let mut command = Access::detect().command(Path::new("/usr/bin/env"))?;
    command.arg(format!("{}={}", test::BINARY, netmon.display())).arg(bench);
    Ok(command)
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
