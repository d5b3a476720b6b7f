//! `cargo xtask lint`: clippy, where a warning is an error.
//!
//! Two calls: in one, cargo would unite the features of both sides, and the programs' panic handler would
//! meet the standard library's. Then the kernel's own lint: what its verifier says of each program.

use anyhow::Result;

use crate::{
    bench, cargo, process,
    provision::{self, Want},
    root::Access,
    workspace,
};

/// Lints the agent, xtask and the tests, then the eBPF programs.
pub(crate) fn run() -> Result<()> {
    let ebpf = provision::ensure(&[Want::Ebpf, Want::Lint])?;
    host()?;
    programs(ebpf.foreign_name())?;
    match Access::detect() {
        Access::Root => bench::verify(),
        // Lint is what people run at every save: it asks nobody for a password.
        Access::Sudo(_) | Access::None => {
            eprintln!("xtask: the verifier was not asked: that needs root (`sudo cargo xtask lint`)");
            Ok(())
        }
    }
}

fn host() -> Result<()> {
    // Tests that need root, or another kernel, are not among cargo's "all": they are not tested by default.
    for targets in [["--all-targets"].as_slice(), &["--test", "privileged", "--test", "vm"]] {
        let mut command = cargo::command()?;
        command.arg("clippy").args(cargo::ALL).args(targets).args(["--", "-D", "warnings"]);
        process::run(&mut command)?;
    }
    Ok(())
}

/// `toolchain`: the one that builds the programs, if it is not the one that builds the agent.
fn programs(toolchain: Option<&str>) -> Result<()> {
    let mut command = match toolchain {
        Some(name) => cargo::command_of(name)?,
        None => cargo::command()?,
    };
    command
        // `-Z build-std` on a stable compiler. Not in the agent's lint: crates that probe for nightly
        // would be built differently, and again at each change between the two.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["clippy", "--locked", "--package", "netmon-ebpf", "--bin", "netmon-ebpf"])
        .args(["--features", "programs", "--target", "bpfel-unknown-none", "-Z", "build-std=core"])
        .arg("--target-dir")
        .arg(workspace::target()?.join("ebpf-lint"))
        .args(["--", "-D", "warnings"]);
    process::run(&mut command)
}
