//! Compiles the eBPF programs, and strips what only a debugger reads.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    cargo, process,
    provision::{linker, llvm, toolchain::Toolchain},
    workspace,
};

const TARGET: &str = "bpfel-unknown-none";
/// How cargo finds the linker.
const LINKER: &str = "CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER";
/// The compiler's options, as cargo separates them.
const SEPARATOR: &str = "\x1f";

/// Compiles the objects and returns each with its name.
pub(super) fn objects<'a>(toolchain: &Toolchain, names: &[&'a str]) -> Result<Vec<(&'a str, Vec<u8>)>> {
    let folder = workspace::target()?.join("ebpf");
    let linker = linker::find(toolchain)?.context("bpf-linker disappeared after it was provided")?;
    let mut command = command(toolchain)?;
    command
        // `core` is compiled for the target, which a stable compiler does only with this.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", options()?.join(SEPARATOR))
        .env(LINKER, linker)
        // The profile is the agent's, whose debug information is not wanted. That of the objects makes their BTF.
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        // The agent is built small. Its programs are built fast, and so is what is inlined into them.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .args(["build", "--locked", "--package", "netmon-ebpf", "--bins", "--release"])
        .args(["--features", "programs", "--target", TARGET, "-Z", "build-std=core"])
        .arg("--target-dir")
        .arg(&folder);
    process::run(&mut command)?;
    let built = folder.join(TARGET).join("release");
    names.iter().map(|&name| Ok((name, stripped(&built.join(name))?))).collect()
}

fn command(toolchain: &Toolchain) -> Result<Command> {
    toolchain.foreign_name().map_or_else(cargo::command, cargo::command_of)
}

/// Returns the compiler's options. Paths of this machine are replaced, so that the objects have the same bytes wherever
/// they are made.
fn options() -> Result<Vec<String>> {
    let mut options = vec![
        // Version 2 of the instructions, of Linux 4.14 (`docs/adr/0012-what-linux-6.1-wants.md`).
        "-Ctarget-cpu=v2".to_owned(),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
    ];
    options.extend(cargo::remapped_paths()?);
    Ok(options)
}

/// Sections for a linker that would join objects. A loader reads the types and lines themselves. They are a quarter of an
/// object, which is in every program.
const UNUSED: [&str; 2] = [".rel.BTF", ".rel.BTF.ext"];

/// Returns an object without its DWARF sections, which only a debugger reads, and without those that nothing reads. The BTF
/// stays.
fn stripped(object: &Path) -> Result<Vec<u8>> {
    let strip = llvm::strip().context("there is no llvm-strip, which comes with LLVM")?;
    let output: PathBuf = object.with_extension("stripped");
    let mut command = Command::new(strip);
    command.arg("--strip-debug").args(UNUSED.map(|section| format!("--remove-section={section}")));
    process::quietly(command.arg(object).arg("-o").arg(&output))?;
    fs::read(&output).with_context(|| format!("cannot read {}", output.display()))
}
