//! `cargo xtask fuzz TARGET`: runs a fuzz target with libFuzzer, which mutates towards code that no input has reached.
//!
//! `cargo xtask test` runs the same targets on stable, for a fixed number of inputs. This is for hours, and needs nightly.
//! What it finds is written to `tests/fuzz/artifacts`; its corpus grows in `tests/fuzz/corpus`. Neither is committed.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    cargo,
    cargo_tool::CargoTool,
    nightly::{self, NIGHTLY},
    process, workspace,
};

const CARGO_FUZZ: CargoTool = CargoTool { name: "cargo-fuzz", version: "0.13.2", time: "a minute" };
const FOLDER: &str = "tests/fuzz";

/// The options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// The target: a folder in tests/fuzz/seeds. All of them, one after the other, without it
    target: Option<String>,
    /// How long each runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
}

/// Runs one target or all.
pub(crate) fn run(wish: &Fuzz) -> Result<()> {
    let folder = workspace::root()?.join(FOLDER);
    let known = targets(&folder)?;
    if let Some(target) = &wish.target {
        ensure!(known.contains(target), "there is no target `{target}`; there are {}", known.join(", "));
    }
    nightly::require(&[], "libFuzzer")?;
    let program = CARGO_FUZZ.ensure()?;
    same_versions(&folder)?;
    for target in known.iter().filter(|known| wish.target.as_ref().is_none_or(|wanted| wanted == *known)) {
        let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        let mut command = cargo::with_toolchain(&program, NIGHTLY)?;
        command.args(["fuzz", "run", "--fuzz-dir"]).arg(&folder).arg(target).arg(corpus).arg(seeds);
        command.arg("--").arg(format!("-max_total_time={}", wish.seconds)).arg("-max_len=65536");
        process::run(&mut command)?;
    }
    Ok(())
}

/// Returns the names of the targets, sorted.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let seeds = folder.join("seeds");
    let entries = fs::read_dir(&seeds).with_context(|| format!("cannot list {}", seeds.display()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Starts from the workspace's lock file, so that what is fuzzed is what is shipped. Cargo adds libFuzzer to it.
fn same_versions(folder: &Path) -> Result<()> {
    let lock = folder.join("Cargo.lock");
    if lock.exists() {
        return Ok(());
    }
    let own = workspace::root()?.join("Cargo.lock");
    fs::copy(&own, &lock)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", own.display(), lock.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_folders_of_examples() {
        let names = targets(&workspace::root().unwrap().join(FOLDER)).unwrap();
        assert!(names.contains(&"lab_file".to_owned()) && names.is_sorted(), "{names:?}");
    }
}
