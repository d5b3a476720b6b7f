//! `cargo xtask build`: builds the agent with the eBPF object inside.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    cargo,
    provision::{self, Want},
};

/// Builds the agent and prints the path of its binary.
pub(crate) fn run(release: bool) -> Result<()> {
    println!("{}", netmon(release)?.display());
    Ok(())
}

/// Builds the `netmon` binary, after providing what the build needs. Returns its path.
pub(crate) fn netmon(release: bool) -> Result<PathBuf> {
    provision::ensure(&[Want::Ebpf])?;
    let args: &[&str] = if release { &["--bin", "netmon", "--release"] } else { &["--bin", "netmon"] };
    cargo::built("build", "netmon", args)
}
