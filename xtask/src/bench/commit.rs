//! The programs of another commit, built beside those of this tree.
//!
//! The commit is checked out as a git worktree in the target folder, and built into a target folder of its own that
//! all other commits share, so that their dependencies are compiled once. The two programs are kept under the name
//! of the commit and used again; the worktree is removed.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::programs::{BENCH, Programs};
use crate::{
    cargo, process,
    provision::{self, Want},
    workspace,
};

/// The binary that some benchmarks start.
const NETMON: &str = "netmon";
/// As many digits of a commit as name it here.
const DIGITS: usize = 12;

/// A commit with its programs.
#[derive(Debug)]
pub(super) struct Commit {
    /// The first digits of its hash.
    pub(super) name: String,
    pub(super) programs: Programs,
}

impl Commit {
    /// Builds a commit, by any name that git understands, unless its programs are there.
    pub(super) fn build(revision: &str) -> Result<Self> {
        let name = resolve(revision)?;
        let folder = workspace::target()?.join("against");
        let kept = folder.join(&name);
        let programs = Programs { bench: kept.join(BENCH), netmon: kept.join(NETMON) };
        if programs.bench.is_file() && programs.netmon.is_file() {
            eprintln!("xtask: {name} was built before: using {}", kept.display());
            return Ok(Self { name, programs });
        }
        provision::ensure(&[Want::Ebpf])?;
        let build = folder.join("build");
        offer_tools(&build)?;
        {
            let source = Worktree::add(folder.join("source"), &name)?;
            compile(&source.path, &build)?;
        }
        keep(&build, &kept)?;
        eprintln!("xtask: the programs of {name} are kept in {}", kept.display());
        Ok(Self { name, programs })
    }
}

/// The first digits of the hash that a revision means.
fn resolve(revision: &str) -> Result<String> {
    let commit = format!("{revision}^{{commit}}");
    let hash = process::output(git()?.args(["rev-parse", "--verify", "--end-of-options"]).arg(commit))
        .with_context(|| format!("git knows no commit {revision}"))?;
    Ok(hash.trim().chars().take(DIGITS).collect())
}

fn git() -> Result<Command> {
    let mut command = Command::new("git");
    command.arg("-C").arg(workspace::root()?);
    Ok(command)
}

/// The tools that were provided for this tree, where the commit's build script looks.
fn offer_tools(build: &Path) -> Result<()> {
    let link = build.join("tools");
    if link.symlink_metadata().is_ok() {
        return Ok(());
    }
    fs::create_dir_all(build).with_context(|| format!("cannot make {}", build.display()))?;
    symlink(workspace::tools()?, &link).with_context(|| format!("cannot make {}", link.display()))
}

fn compile(source: &Path, build: &Path) -> Result<()> {
    eprintln!("xtask: building it in {}", build.display());
    let mut command = cargo::command()?;
    command.current_dir(source).env("CARGO_TARGET_DIR", build).arg("build").args(cargo::ALL).args([
        "--release",
        "--bin",
        NETMON,
        "--bin",
        BENCH,
    ]);
    process::run(&mut command)
}

/// Copies the programs to where the next build does not replace them.
fn keep(build: &Path, kept: &Path) -> Result<()> {
    fs::create_dir_all(kept).with_context(|| format!("cannot make {}", kept.display()))?;
    for program in [NETMON, BENCH] {
        let from = build.join("release").join(program);
        fs::copy(&from, kept.join(program)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

/// A checkout that is removed when it is dropped.
struct Worktree {
    path: PathBuf,
}

impl Worktree {
    fn add(path: PathBuf, commit: &str) -> Result<Self> {
        // A run that was interrupted leaves one behind.
        if path.exists() {
            remove(&path)?;
        }
        process::run(
            git()?.args(["worktree", "add", "--quiet", "--force", "--detach"]).arg(&path).arg(commit),
        )?;
        Ok(Self { path })
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            eprintln!("xtask: the worktree in {} is left behind: {error:#}", self.path.display());
        }
    }
}

fn remove(path: &Path) -> Result<()> {
    process::quietly(git()?.args(["worktree", "remove", "--force", "--force"]).arg(path))
}
