//! `cargo xtask test`: runs every test, after installing what the tests need.
//!
//! Unit tests and doctests of all members run as the calling user. The privileged tests are one binary, which is built
//! as the calling user and runs as root. They run strictly: a test that cannot do its work fails, it does not skip.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    build, cargo, process,
    provision::{self, Want, runtimes},
    root::Access,
    workspace,
};

/// Turns a skipped test into a failed one. Set it to 0 to see what this machine can test.
const STRICT: &str = "NETMON_TEST_STRICT";
/// Tells the privileged tests the path of the netmon binary.
pub(crate) const BINARY: &str = "NETMON_BIN";

/// Tells them the folder of the unpacked container runtimes.
pub(crate) const RUNTIMES: &str = "NETMON_RUNTIMES";

/// Tests that compare every packet of found links with the kernel's own count. While any program on the host loads eBPF
/// programs, single packets pass tracing programs by (docs/ACCURACY.md), so these run by themselves, one at a time.
const ALONE: [&str; 2] = ["tracing_", "runtimes_"];

/// Runs the tests whose names contain one of the filters, or all tests if there is no filter.
pub(crate) fn run(filters: &[String]) -> Result<()> {
    let access = Access::detect();
    let wants = [Want::Peers];
    provision::require_root(
        &access,
        &wants,
        "the privileged tests create namespaces and load eBPF programs",
    )?;
    provision::ensure(&wants)?;
    let runtimes = runtimes::provide()?;
    let netmon = build::netmon(false)?;
    // Built before any test runs: a test that does not compile fails after seconds, not minutes.
    let privileged = privileged_binary()?;
    unit(filters)?;
    for arguments in passes(filters) {
        run_privileged(&access, &privileged, [&netmon, &runtimes], &arguments)?;
    }
    Ok(())
}

/// Returns the arguments of each run of the privileged tests. Those that a developer chooses run together.
fn passes(filters: &[String]) -> Vec<Vec<String>> {
    if !filters.is_empty() {
        return vec![filters.to_vec()];
    }
    let together = ALONE.iter().flat_map(|name| ["--skip", name]).map(str::to_owned).collect();
    let alone = ALONE.into_iter().chain(["--test-threads=1"]).map(str::to_owned).collect();
    vec![together, alone]
}

/// Runs the unit tests and the doctests of every member. `tests/Cargo.toml` keeps cargo from running the privileged
/// ones.
fn unit(filters: &[String]) -> Result<()> {
    let mut command = cargo::command()?;
    command.arg("test").args(cargo::ALL).arg("--").args(filters);
    process::run(&mut command)
}

fn privileged_binary() -> Result<PathBuf> {
    cargo::built("test", "privileged", &["--test", "privileged", "--no-run"])
}

fn run_privileged(
    access: &Access,
    binary: &Path,
    [netmon, runtimes]: [&Path; 2],
    arguments: &[String],
) -> Result<()> {
    // What `cargo test` would set up; it cannot run a test binary as root.
    let folder = workspace::root()?.join("tests");
    let strict = env::var_os(STRICT).unwrap_or_else(|| "1".into());
    // sudo keeps only the variables that it is told to keep, so `env` sets these, which works for root as well.
    let mut command = access.command(Path::new("/usr/bin/env"))?;
    command
        .arg(format!("{STRICT}={}", strict.to_string_lossy()))
        .arg(format!("{BINARY}={}", netmon.display()))
        .arg(format!("{RUNTIMES}={}", runtimes.display()))
        .arg(format!("CARGO_MANIFEST_DIR={}", folder.display()))
        .arg(binary)
        .args(arguments)
        .current_dir(folder);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_privileged_test_runs_in_one_of_two_passes() {
        let [together, alone] = <[Vec<String>; 2]>::try_from(passes(&[])).expect("two passes");
        assert_eq!(together, ["--skip", "tracing_", "--skip", "runtimes_"]);
        assert_eq!(alone, ["tracing_", "runtimes_", "--test-threads=1"]);
    }

    #[test]
    fn tests_that_are_chosen_run_together() {
        assert_eq!(passes(&["dns".to_owned()]), [["dns"]]);
    }
}
