//! `cargo xtask run`: the shortest way from a clone to a lab.

use std::{ffi::OsString, path::Path};

use anyhow::Result;

use crate::{
    build, process,
    provision::{self, Want},
    root::Access,
};

/// Builds netmon as the caller, then becomes `netmon run ARGS` as root.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    // Before minutes of compiling, not after.
    let access = Access::detect();
    provision::require_root(&access, &[Want::Ebpf], "netmon makes namespaces and loads eBPF programs")?;
    let netmon = build::netmon(true)?;
    Err(start(&access, &netmon, args)?)
}

/// Becomes netmon; whoever signals us then signals it, and its exit code is ours.
fn start(access: &Access, netmon: &Path, args: &[OsString]) -> Result<anyhow::Error> {
    if let Access::Sudo(_) = access {
        eprintln!("xtask: sudo starts netmon as root");
    }
    let mut command = access.command(netmon)?;
    command.arg("run").args(args);
    Ok(process::exec(&mut command))
}
