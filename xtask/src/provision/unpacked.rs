//! Debian packages whose files are wanted, and which are not installed: kernels, and an emulator that may not get
//! along with what the host has.
//!
//! They are fetched with apt, as the caller, and unpacked into a folder of ours. The package database, the host's
//! boot menu and its services know nothing of them, and `cargo clean` takes them away.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{process, root::Access};

/// The names of the packages that apt can install and that begin like this.
pub(crate) fn names(beginning: &str) -> Result<Vec<String>> {
    // A regular expression; the names here have dots and pluses, which stand for themselves.
    let pattern = format!("^{}", beginning.replace('.', r"\.").replace('+', r"\+"));
    let said = process::output(Command::new("apt-cache").args(["search", "--names-only", &pattern]))?;
    Ok(said.lines().filter_map(|line| line.split_once(" - ")).map(|(name, _)| name.to_owned()).collect())
}

/// A package and everything that it needs and this host lacks, each with its version, as apt would install them.
pub(crate) fn with_dependencies(packages: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("apt-get");
    command.args(["--simulate", "--no-install-recommends", "install"]).args(packages);
    Ok(parse_simulation(&process::output(&mut command)?))
}

/// `Inst NAME [OLD VERSION] (VERSION SOURCE [ARCHITECTURE])` -> `NAME=VERSION`.
fn parse_simulation(said: &str) -> Vec<String> {
    let install = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
        let (_, rest) = rest.split_once('(')?;
        Some(format!("{name}={}", rest.split([' ', ')']).next()?))
    };
    said.lines().filter_map(install).collect()
}

/// Fetches and unpacks into a folder what `find` says (`NAME` or `NAME=VERSION`). What apt knows may be older than what
/// its sources have by now, or nothing at all: then it looks again, once, for which root is needed.
pub(crate) fn provide(find: impl Fn() -> Result<Vec<String>>, into: &Path) -> Result<()> {
    let attempt = || unpack(&find()?, into);
    attempt().or_else(|error| {
        eprintln!("xtask: {error:#}: looking again what apt's sources have");
        update(&Access::detect())?;
        attempt()
    })
}

/// Unpacks all packages into one folder, which is there when all of them are in it and not before.
fn unpack(packages: &[String], into: &Path) -> Result<()> {
    let half_done = with_suffix(into, ".part");
    let archives = with_suffix(into, ".debs");
    for folder in [&half_done, &archives] {
        remove(folder)?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // As root, apt would like to fetch as a user who cannot write here, and would say so.
    let mut fetch = Command::new("apt-get");
    fetch.args(["-qq", "-o", "APT::Sandbox::User=root", "download"]).args(packages);
    process::quietly(fetch.current_dir(&archives))?;
    let mut count = 0;
    for entry in fs::read_dir(&archives).with_context(|| format!("cannot read {}", archives.display()))? {
        let archive = entry.with_context(|| format!("cannot read {}", archives.display()))?.path();
        process::quietly(Command::new("dpkg-deb").arg("--extract").args([&archive, &half_done]))?;
        count += 1;
    }
    ensure!(count == packages.len(), "apt-get fetched {count} of {} packages", packages.len());
    remove(&archives)?;
    fs::rename(&half_done, into).with_context(|| format!("cannot make {}", into.display()))
}

/// Has apt look what its sources have now.
fn update(access: &Access) -> Result<()> {
    let mut command = access.command(Path::new("/usr/bin/apt-get"))?;
    process::run(command.args(["-q", "-o", "DPkg::Lock::Timeout=300", "update"]).stdin(Stdio::null()))
}

fn with_suffix(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_installed_is_read_from_the_simulation_with_its_versions() {
        let said = "Reading package lists...\nRemv qemu-utils [1:10.0.2]\n\
                    Inst seabios (1.16.2-1 Debian:12.15/oldstable [all])\n\
                    Inst libnl-3-200 [3.6] (3.7.0-0.2+b1 Debian:12.15/oldstable [amd64]) []\n\
                    Conf seabios (1.16.2-1 Debian:12.15/oldstable [all])\n";
        assert_eq!(parse_simulation(said), ["seabios=1.16.2-1", "libnl-3-200=3.7.0-0.2+b1"]);
    }

    #[test]
    fn the_half_done_folder_lies_beside_the_whole_one() {
        assert_eq!(with_suffix(Path::new("/t/vm/qemu"), ".part"), Path::new("/t/vm/qemu.part"));
    }
}
