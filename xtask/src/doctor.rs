//! `cargo xtask doctor`: lists what the build and the tests need, and what is installed. It changes nothing.
//!
//! What the kernel offers to netmon is the subject of `netmon doctor`, which runs at the end if netmon is built.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    process,
    provision::{linker, peers::PEERS, rust_src, toolchain::Toolchain},
    root::Access,
    workspace,
};

/// Prints one line for each requirement.
pub(crate) fn run() -> Result<()> {
    let toolchain = Toolchain::for_ebpf()?;
    row("root", Some(shown(&Access::detect())), "");
    row("rustc", Some(format!("{} (LLVM {})", toolchain.release, toolchain.llvm)), "");
    row("rust-src", rust_src::is_there(&toolchain).then(|| "installed".to_owned()), "builds core for eBPF");
    let linker = linker::find(&toolchain)?.map(|path| path.display().to_string());
    row("bpf-linker", linker, "links the eBPF object");
    for peer in &PEERS {
        let found = process::find(peer.program).map(|path| path.display().to_string());
        row(peer.program, found, peer.purpose);
    }
    println!("\nThe commands build, lint and test install what they need and do not find.");
    netmon_doctor()
}

fn row(what: &str, found: Option<String>, purpose: &str) {
    let found = found.unwrap_or_else(|| format!("missing ({purpose})"));
    println!("{what:<12} {found}");
}

fn shown(access: &Access) -> String {
    match access {
        Access::Root => "yes".to_owned(),
        Access::Sudo(path) => format!("through {}", path.display()),
        Access::None => "no; installing packages and running privileged tests need it".to_owned(),
    }
}

/// Runs `netmon doctor` if netmon is built. Its verdict does not fail this command.
fn netmon_doctor() -> Result<()> {
    let Some(netmon) = built_netmon()? else {
        println!("netmon is not built yet; once it is, `netmon doctor` lists what the kernel offers.");
        return Ok(());
    };
    println!("\n{} doctor:", netmon.display());
    Command::new(&netmon)
        .arg("doctor")
        .status()
        .with_context(|| format!("cannot run {}", netmon.display()))?;
    Ok(())
}

fn built_netmon() -> Result<Option<PathBuf>> {
    let target = workspace::target()?;
    Ok(["release/netmon", "debug/netmon"].iter().map(|path| target.join(path)).find(|path| path.is_file()))
}
