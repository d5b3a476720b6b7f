//! `cargo xtask build`: the agent with the eBPF object inside.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{
    cargo,
    provision::{self, Want},
};

/// Builds, and says where the binary is.
pub(crate) fn run(release: bool) -> Result<()> {
    println!("{}", netmon(release)?.display());
    Ok(())
}

/// Builds the `netmon` binary, and what that needs first.
pub(crate) fn netmon(release: bool) -> Result<PathBuf> {
    provision::ensure(&[Want::Ebpf])?;
    let mut args = vec!["build", "--locked", "--package", "netmon", "--bin", "netmon"];
    if release {
        args.push("--release");
    }
    cargo::executables(&args)?
        .into_iter()
        .find_map(|(name, path)| (name == "netmon").then_some(path))
        .context("cargo built no `netmon` binary")
}
