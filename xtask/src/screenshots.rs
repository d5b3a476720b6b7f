//! `cargo xtask screenshots`: pictures of the page and of `netmon top`, for the README, from a running lab with traffic.
//!
//! A program of its own takes them: `netmon-screenshots` in `tests/screenshots`, which runs as root, in namespaces of
//! its own. The pictures belong to the calling user's tree, so they are written to the target folder first.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    build, cargo, process,
    provision::{self, Want},
    root::Access,
    test::BINARY,
    workspace,
};

/// Where the pictures are kept.
const PICTURES: &str = "docs/pictures";

/// Takes every picture.
pub(crate) fn run() -> Result<()> {
    let access = Access::detect();
    let wants = [Want::Peers];
    provision::require_root(&access, &wants, "the pictures are of a lab that runs")?;
    provision::ensure(&wants)?;
    let netmon = build::netmon(false)?;
    let program = cargo::built("build", "netmon-screenshots", &["--bin", "netmon-screenshots"])?;
    let root = workspace::root()?;
    let taken = root.join("target/pictures");
    let mut command = access.command(Path::new("/usr/bin/env"))?;
    command.arg(format!("{BINARY}={}", netmon.display())).arg(&program).arg(&taken);
    process::run(&mut command)?;
    copy(&taken, &root.join(PICTURES))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        println!("{}", target.display());
    }
    Ok(())
}
