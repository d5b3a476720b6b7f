//! `cargo xtask test`: every test there is, with everything that they need.
//!
//! Unit tests run as the caller. The privileged tests are one binary, which is built as the caller and run
//! as root. They run strictly: a test that cannot do its work fails instead of passing by doing nothing.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    build, cargo, process,
    provision::{self, Want},
    root::Access,
    workspace,
};

/// Makes a skipped test a failed one. Set it to 0 to see what the machine at hand can do.
const STRICT: &str = "NETMON_TEST_STRICT";
/// Where the privileged tests find the netmon binary.
pub(crate) const BINARY: &str = "NETMON_BIN";

/// Runs all tests whose names contain one of the filters; all without a filter.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    let access = Access::detect();
    let wants = [Want::Ebpf, Want::Peers];
    provision::require_root(&access, &wants, "the privileged tests make namespaces and load eBPF programs")?;
    provision::ensure(&wants)?;
    let netmon = build::netmon(false)?;
    // Built before anything runs: a test that does not compile is known after seconds, not minutes.
    let privileged = privileged_binary()?;
    unit(filters)?;
    run_privileged(&access, &privileged, &netmon, filters)
}

/// Unit and documentation tests. The privileged ones are not among what cargo tests by itself (`tests/Cargo.toml`).
fn unit(filters: &[String]) -> Result<()> {
    let mut command = cargo::command()?;
    command.arg("test").args(cargo::ALL).arg("--").args(filters);
    process::run(&mut command)
}

fn privileged_binary() -> Result<PathBuf> {
    cargo::built("test", "privileged", &["--test", "privileged", "--no-run"])
}

fn run_privileged(access: &Access, binary: &Path, netmon: &Path, filters: &[String]) -> Result<()> {
    // As `cargo test` does, which cannot be what starts a process as root.
    let folder = workspace::root()?.join("tests");
    let strict = env::var_os(STRICT).unwrap_or_else(|| "1".into());
    // sudo passes variables on by name, so they go through `env`, which works for root as well.
    let mut command = access.command(Path::new("/usr/bin/env"))?;
    command
        .arg(format!("{STRICT}={}", strict.to_string_lossy()))
        .arg(format!("{BINARY}={}", netmon.display()))
        .arg(format!("CARGO_MANIFEST_DIR={}", folder.display()))
        .arg(binary)
        .args(filters)
        .current_dir(folder);
    process::run(&mut command)
}
