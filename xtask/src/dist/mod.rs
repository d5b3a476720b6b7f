//! `cargo xtask dist`: builds netmon for users who do not build it, and packs it.
//!
//! The programs are built with the profile `dist`, which takes longer than `release` and gives smaller ones. What is packed,
//! and how, is in the crate `xtask/dist`.

mod check;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

pub(crate) use self::check::run as check;
use crate::{cargo, ebpf, kubernetes, process, workspace};

/// What is packed, and for which machines.
#[derive(Args, Debug)]
pub(crate) struct Dist {
    /// What to build for, as rustc calls it; may be given several times [default: this machine with glibc, and musl for
    /// this and for other processors whose standard library is there or can be had from rustup]
    #[arg(long = "target", value_name = "TRIPLE")]
    targets: Vec<String>,
    /// Where the packages are written
    #[arg(long, value_name = "DIR", default_value = "target/packages")]
    to: PathBuf,
    /// Pack only the release build, twice; compare, install and remove it in a clean Debian; check the manifests for
    /// Kubernetes
    #[arg(long, conflicts_with_all = ["targets", "to"])]
    check: bool,
}

/// Static programs, which run on any distribution and are what images contain.
const STATIC: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// Builds and packs for each target. A target whose standard library is missing ends the run if it was asked for, and is
/// named and left out otherwise.
pub(crate) fn run(dist: &Dist) -> Result<()> {
    if dist.check {
        kubernetes::check()?;
        return check();
    }
    ebpf::ensure()?;
    let host = host()?;
    // The host's comes first: it prints the man pages of the others.
    let runner = program(&host)?;
    let epoch = epoch()?;
    for target in targets(dist, &host)? {
        let built = if target == host { runner.clone() } else { program(&target)? };
        pack(dist, &target, &built, &runner, &epoch)?;
    }
    Ok(())
}

fn targets(dist: &Dist, host: &str) -> Result<Vec<String>> {
    if !dist.targets.is_empty() {
        for target in &dist.targets {
            ensure!(
                has_library(target)?,
                "there is no standard library for {target}: rustup target add {target}"
            );
        }
        return Ok(dist.targets.clone());
    }
    let mut targets = vec![host.to_owned()];
    for target in STATIC {
        if has_library(target)? {
            targets.push(target.to_owned());
        } else {
            eprintln!(
                "xtask: not packed for {target}: its standard library is not installed, and rustup has none"
            );
        }
    }
    Ok(targets)
}

/// Returns the target that rustc builds for by itself.
fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not say what it builds for")?.to_owned())
}

/// Returns whether the standard library of a target is installed, after asking rustup for it.
fn has_library(target: &str) -> Result<bool> {
    let folder =
        process::output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))?;
    let is_there = || Path::new(folder.trim()).is_dir();
    if !is_there() && process::find("rustup").is_some() {
        // Its failure means that there is none, which the caller says.
        let _ = Command::new("rustup").args(["target", "add", target]).status();
    }
    Ok(is_there())
}

/// Builds the program for a target, and returns its path.
fn program(target: &str) -> Result<PathBuf> {
    let args = ["--profile", "dist", "--target", target];
    if target.ends_with("-musl") {
        // Its own linker and start files: no C compiler for that processor is needed.
        let name = format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_uppercase());
        return cargo::built_for_users("netmon", &args, &[(&name, "rust-lld")]);
    }
    cargo::built_for_users("netmon", &args, &[])
}

fn pack(dist: &Dist, target: &str, program: &Path, runner: &Path, epoch: &str) -> Result<()> {
    let root = workspace::root()?;
    let mut command = cargo::command()?;
    command
        .args(["run", "--quiet", "--locked", "--package", "netmon-dist", "--", "--target", target])
        .arg("--program")
        .arg(program)
        .arg("--runner")
        .arg(runner)
        .arg("--source")
        .arg(&root)
        .arg("--to")
        .arg(root.join(&dist.to))
        .args(["--epoch", epoch]);
    process::run(&mut command)
}

/// Returns the time that files get: `SOURCE_DATE_EPOCH`, or that of the commit. Without git, that of the change log.
fn epoch() -> Result<String> {
    let root = workspace::root()?;
    if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(&root).args(["log", "-1", "--format=%ct"]);
    if let Ok(time) = process::output(&mut git) {
        return Ok(time.trim().to_owned());
    }
    let changed = fs::metadata(root.join("CHANGELOG.md"))?.modified()?;
    Ok(changed.duration_since(std::time::UNIX_EPOCH)?.as_secs().to_string())
}
