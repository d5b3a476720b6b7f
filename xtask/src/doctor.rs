//! `cargo xtask doctor`: what the build and the tests need, and what of it is there. It changes nothing.
//!
//! What the kernel offers to a running netmon is said by `netmon doctor`, which is run at the end if it was
//! built already.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    process,
    provision::{linker, peers::PEERS, rust_src, toolchain::Toolchain},
    root::Access,
    workspace,
};

/// Prints one line for each need.
pub(crate) fn run() -> Result<()> {
    let toolchain = Toolchain::for_ebpf()?;
    row("root", Some(shown(&Access::detect())), "");
    row("rustc", Some(format!("{} (LLVM {})", toolchain.release, toolchain.llvm)), "");
    row("rust-src", rust_src::is_there(&toolchain).then(|| "there".to_owned()), "builds core for eBPF");
    let linker = linker::find(&toolchain)?.map(|path| path.display().to_string());
    row("bpf-linker", linker, "links the eBPF object");
    for peer in &PEERS {
        let found = process::find(peer.program).map(|path| path.display().to_string());
        row(peer.program, found, peer.purpose);
    }
    println!("\nWhat is missing is provided by the command that needs it: build, lint, test.");
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
        Access::None => "no: packages and privileged tests need it".to_owned(),
    }
}

/// A built netmon knows what the kernel has. Its verdict is its own: it does not fail this command.
fn netmon_doctor() -> Result<()> {
    let Some(netmon) = built_netmon()? else {
        println!("netmon is not built yet; once it is, `netmon doctor` says what the kernel offers.");
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
