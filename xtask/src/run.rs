//! `cargo xtask run`: builds netmon and runs a lab, from a fresh clone.

use std::{ffi::OsString, path::Path};

use anyhow::Result;

use crate::{
    build, ebpf, process,
    provision::{self, Want},
    root::Access,
};

/// Builds netmon as the calling user, then execs `netmon run ARGS` as root.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    // Fails before minutes of compiling, not after.
    let access = Access::detect();
    let wants: &[Want] = if ebpf::is_stale()? { &[Want::Ebpf] } else { &[] };
    provision::require_root(&access, wants, "netmon creates namespaces and loads eBPF programs")?;
    let netmon = build::netmon(true)?;
    Err(start(&access, &netmon, args)?)
}

/// Execs netmon, so that signals reach it and its exit code is the result. Returns only on failure.
fn start(access: &Access, netmon: &Path, args: &[OsString]) -> Result<anyhow::Error> {
    if let Access::Sudo(_) = access {
        eprintln!("xtask: sudo starts netmon as root");
    }
    let mut command = access.command(netmon)?;
    command.arg("run").args(args);
    Ok(process::exec(&mut command))
}
