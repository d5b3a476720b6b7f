//! `cargo xtask soak`: netmon in use for minutes, in sandboxes, with what may grow asserted.
//!
//! A program of its own does it: `netmon-soak` in `tests/soak`, which runs as root. A privileged test runs a short round of
//! the same code in CI.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::{
    build, cargo, process,
    provision::{self, Want, runtimes},
    root::Access,
    test::{BINARY, RUNTIMES},
};

/// The options of `cargo xtask soak`.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How long the churn, the reloads, the scrapes and the kills go on
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u32,
    /// How many labs are tried for IPv6 from the first packet
    #[arg(long, value_name = "N", default_value_t = 450)]
    rounds: u32,
    /// How many times 20 containers of Docker come and go; 0 starts no Docker. Two thirds as many end under traffic
    #[arg(long, value_name = "N", default_value_t = 300)]
    containers: u32,
}

/// Runs it.
pub(crate) fn run(wish: &Soak) -> Result<()> {
    let access = Access::detect();
    let wants = [Want::Peers];
    provision::require_root(&access, &wants, "the soak builds labs and loads eBPF programs")?;
    provision::ensure(&wants)?;
    let runtimes = runtimes::provide()?;
    let netmon = build::netmon(false)?;
    let program = cargo::built("build", "netmon-soak", &["--bin", "netmon-soak"])?;
    let mut command = access.command(Path::new("/usr/bin/env"))?;
    command.arg(format!("{BINARY}={}", netmon.display()));
    command.arg(format!("{RUNTIMES}={}", runtimes.display())).arg(&program);
    command.args([wish.minutes, wish.rounds, wish.containers].map(|number| number.to_string()));
    process::run(&mut command)
}
