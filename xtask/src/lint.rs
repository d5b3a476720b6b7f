//! `cargo xtask lint`: runs clippy with warnings as errors, then loads each eBPF program.
//!
//! The agent and the eBPF programs are linted by separate calls. In one call cargo would unify the features of both,
//! and the programs' panic handler would collide with the standard library's. The verifier is the kernel's own lint:
//! its instruction count of each program is printed at the end.

use anyhow::Result;

use crate::{
    bench, cargo, ebpf, process,
    provision::{self, Want},
    root::Access,
    workspace,
};

/// Lints the agent, xtask and the tests, then the eBPF programs.
pub(crate) fn run() -> Result<()> {
    let toolchain = provision::ensure(&[Want::Ebpf, Want::Lint])?;
    ebpf::ensure()?;
    host()?;
    programs(toolchain.foreign_name())?;
    match Access::detect() {
        Access::Root => bench::verify(),
        // Editors run lint at every save, so it must not prompt for a password.
        Access::Sudo(_) | Access::None => {
            eprintln!("xtask: skipped the verifier, which needs root (`sudo cargo xtask lint`)");
            Ok(())
        }
    }
}

fn host() -> Result<()> {
    // `--all-targets` leaves out targets with `test = false`: the tests that need root or another kernel.
    for targets in [["--all-targets"].as_slice(), &["--test", "privileged", "--test", "vm"]] {
        let mut command = cargo::command()?;
        command.arg("clippy").args(cargo::ALL).args(targets).args(["--", "-D", "warnings"]);
        process::run(&mut command)?;
    }
    Ok(())
}

/// Lints the eBPF programs, with `toolchain` if another one than the agent's builds them.
fn programs(toolchain: Option<&str>) -> Result<()> {
    let mut command = match toolchain {
        Some(name) => cargo::command_of(name)?,
        None => cargo::command()?,
    };
    command
        // Allows `-Z build-std` on a stable compiler. It is not set for the agent's lint: crates that probe for
        // nightly would then be built differently, and rebuilt at every switch between the two.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["clippy", "--locked", "--package", "netmon-ebpf", "--bins"])
        .args(["--features", "programs", "--target", "bpfel-unknown-none", "-Z", "build-std=core"])
        .arg("--target-dir")
        .arg(workspace::target()?.join("ebpf-lint"))
        .args(["--", "-D", "warnings"]);
    process::run(&mut command)
}
