//! `cargo xtask soak`: netmon in use for minutes, in sandboxes, with what may grow asserted.
//!
//! A program of its own does it: `netmon-soak` in `tests/soak`, which runs as root. A privileged test runs a short round of
//! the same code in CI.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::{
    build, cargo, process,
    provision::{self, Want},
    root::Access,
    test::BINARY,
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
}

/// Runs it.
pub(crate) fn run(wish: &Soak) -> Result<()> {
    let access = Access::detect();
    let wants = [Want::Peers];
    provision::require_root(&access, &wants, "the soak builds labs and loads eBPF programs")?;
    provision::ensure(&wants)?;
    let netmon = build::netmon(false)?;
    let program = cargo::built("build", "netmon-soak", &["--bin", "netmon-soak"])?;
    let mut command = access.command(Path::new("/usr/bin/env"))?;
    command.arg(format!("{BINARY}={}", netmon.display())).arg(&program);
    command.arg(wish.minutes.to_string()).arg(wish.rounds.to_string());
    process::run(&mut command)
}
