//! `cargo xtask deny`: cargo-deny's answers to what is known of the crates in the build: licences, bans, sources, advisories.
//!
//! `cargo xtask tidy` answers the first three without cargo-deny. Advisories need RustSec's database, which is fetched. A copy
//! is kept, and used with its age where the database cannot be reached. Without any copy the check fails: it never passes
//! because it could not look.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};

use crate::{cargo_tool::CargoTool, process, workspace};

const CARGO_DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2", time: "four minutes" };
const DATABASE: &str = "https://github.com/rustsec/advisory-db";

/// Checks everything.
pub(crate) fn run() -> Result<()> {
    let program = CARGO_DENY.ensure()?;
    let known = checked(&program, &["licenses", "bans", "sources"]);
    let advisories = advisories(&program);
    known.and(advisories)
}

fn checked(program: &Path, what: &[&str]) -> Result<()> {
    process::run(Command::new(program).current_dir(workspace::root()?).arg("check").args(what))
}

/// Checks advisories against the newest database that can be had.
fn advisories(program: &Path) -> Result<()> {
    if reachable() {
        return checked(program, &["advisories"]);
    }
    let Some(age) = age_of_copy()? else {
        bail!(
            "ADVISORIES WERE NOT CHECKED: {DATABASE} cannot be reached, and there is no copy of it. Run this again where it can be"
        );
    };
    eprintln!(
        "xtask: {DATABASE} CANNOT BE REACHED: checking advisories with a copy of {} days ago",
        days(age)
    );
    checked(program, &["--disable-fetch", "advisories"])
}

fn reachable() -> bool {
    let mut git = Command::new("git");
    git.args([
        "-c",
        "http.lowSpeedLimit=1",
        "-c",
        "http.lowSpeedTime=10",
        "ls-remote",
        "--exit-code",
        DATABASE,
        "HEAD",
    ]);
    git.env("GIT_TERMINAL_PROMPT", "0").output().is_ok_and(|answer| answer.status.success())
}

/// Returns how long ago cargo-deny fetched its copy. `None` if it has none.
fn age_of_copy() -> Result<Option<Duration>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    Ok(age_in(&home.context("there is no home directory")?.join("advisory-dbs")))
}

fn age_in(folder: &Path) -> Option<Duration> {
    let fetched = folder.read_dir().ok()?.flatten().filter_map(|entry| {
        let head = entry.path().join(".git/FETCH_HEAD");
        head.metadata().and_then(|file| file.modified()).ok()
    });
    Some(SystemTime::now().duration_since(fetched.max()?).unwrap_or_default())
}

fn days(age: Duration) -> u64 {
    age.as_secs() / (24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_age_without_a_copy() {
        assert_eq!(age_in(Path::new("/nonexistent")), None);
        assert_eq!(age_in(Path::new(env!("CARGO_MANIFEST_DIR"))), None);
        assert_eq!(days(Duration::from_secs(3 * 86_400 + 5)), 3);
    }
}
