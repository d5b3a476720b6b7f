//! Builds the programs of another commit.
//!
//! The commit is checked out as a git worktree below the target folder. All such commits share a second target folder,
//! so that their dependencies are compiled once. The two programs are kept under the hash of the commit, and the next
//! run reuses them; the worktree is removed.

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
/// How many digits of a hash name a commit here.
const DIGITS: usize = 12;

/// A commit with its programs.
#[derive(Debug)]
pub(super) struct Commit {
    /// The first digits of its hash.
    pub(super) name: String,
    pub(super) programs: Programs,
}

impl Commit {
    /// Builds a commit, named by any revision that git understands, unless an earlier run has built it.
    pub(super) fn build(revision: &str) -> Result<Self> {
        let name = resolve(revision)?;
        let folder = workspace::target()?.join("against");
        let kept = folder.join(&name);
        let programs = Programs { bench: kept.join(BENCH), netmon: kept.join(NETMON), runtimes: None };
        if programs.bench.is_file() && programs.netmon.is_file() {
            eprintln!("xtask: reusing the programs of {name} in {}", kept.display());
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

/// Returns the first digits of the hash of a revision.
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

/// Links the tools of this tree to where the commit's build script looks for them.
fn offer_tools(build: &Path) -> Result<()> {
    let link = build.join("tools");
    if link.symlink_metadata().is_ok() {
        return Ok(());
    }
    fs::create_dir_all(build).with_context(|| format!("cannot create {}", build.display()))?;
    symlink(workspace::tools()?, &link).with_context(|| format!("cannot create {}", link.display()))
}

fn compile(source: &Path, build: &Path) -> Result<()> {
    eprintln!("xtask: building the commit in {}", build.display());
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

/// Copies the programs out of the shared target folder, where the next build would replace them.
fn keep(build: &Path, kept: &Path) -> Result<()> {
    fs::create_dir_all(kept).with_context(|| format!("cannot create {}", kept.display()))?;
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
        // An interrupted run leaves its worktree behind.
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
            eprintln!("xtask: cannot remove the worktree {}: {error:#}", self.path.display());
        }
    }
}

fn remove(path: &Path) -> Result<()> {
    process::quietly(git()?.args(["worktree", "remove", "--force", "--force"]).arg(path))
}
