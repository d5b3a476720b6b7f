//! Debian packages that are unpacked but not installed: kernels, an emulator that may conflict with packages of the host,
//! and container runtimes, which would start a daemon.
//!
//! They are downloaded with apt as the calling user, and unpacked into the target folder. The package database, the
//! host's boot menu and its services are not touched, and `cargo clean` removes them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{process, root::Access};

/// Returns the names of the packages with this prefix that apt can install.
pub(crate) fn names(beginning: &str) -> Result<Vec<String>> {
    // apt takes a regular expression, in which the dots and pluses of names must be escaped.
    let pattern = format!("^{}", beginning.replace('.', r"\.").replace('+', r"\+"));
    let said = process::output(Command::new("apt-cache").args(["search", "--names-only", &pattern]))?;
    Ok(said.lines().filter_map(|line| line.split_once(" - ")).map(|(name, _)| name.to_owned()).collect())
}

/// Returns packages and those of their dependencies that the host lacks, each with its version, as apt would install
/// them.
fn with_dependencies(packages: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new("apt-get");
    command.args(["--simulate", "--no-install-recommends", "install"]).args(packages);
    Ok(parse_simulation(&process::output(&mut command)?))
}

/// Returns packages and those of their dependencies that the host lacks, as apt takes them for a download.
pub(crate) fn needed(packages: &[&str]) -> Result<Vec<String>> {
    let mut all = with_dependencies(packages)?;
    // apt has no step for a package that is installed already, but it must be unpacked all the same.
    let installed = packages.iter().filter(|name| !all.iter().any(|other| is_of(other, name)));
    let installed: Vec<String> = installed.map(|name| (*name).to_owned()).collect();
    all.extend(installed);
    Ok(all)
}

/// Returns whether `NAME=VERSION` is a version of this package.
fn is_of(versioned: &str, name: &str) -> bool {
    versioned.split_once('=').is_some_and(|(package, _)| package == name)
}

/// Parses lines `Inst NAME [OLD VERSION] (VERSION SOURCE [ARCHITECTURE])` to `NAME=VERSION`.
fn parse_simulation(said: &str) -> Vec<String> {
    let install = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
        let (_, rest) = rest.split_once('(')?;
        Some(format!("{name}={}", rest.split([' ', ')']).next()?))
    };
    said.lines().filter_map(install).collect()
}

/// Downloads and unpacks the packages that `find` returns (`NAME` or `NAME=VERSION`) into a folder. apt's lists may be
/// outdated or empty: if the first attempt fails, they are updated once, which needs root.
pub(crate) fn provide(find: impl Fn() -> Result<Vec<String>>, into: &Path) -> Result<()> {
    let attempt = || unpack(&find()?, into);
    attempt().or_else(|error| {
        eprintln!("xtask: {error:#}: updating apt's lists and trying again");
        update(&Access::detect())?;
        attempt()
    })
}

/// Downloads and unpacks all packages into one folder, which appears only once it holds all of them.
fn unpack(packages: &[String], into: &Path) -> Result<()> {
    let half_done = with_suffix(into, ".part");
    let archives = with_suffix(into, ".debs");
    for folder in [&half_done, &archives] {
        remove(folder)?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // As root, apt would download as a user who cannot write here, and print a warning.
    let mut fetch = Command::new("apt-get");
    fetch.args(["-qq", "-o", "APT::Sandbox::User=root", "download"]).args(packages);
    process::quietly(fetch.current_dir(&archives))?;
    let mut count = 0;
    for entry in fs::read_dir(&archives).with_context(|| format!("cannot read {}", archives.display()))? {
        let archive = entry.with_context(|| format!("cannot read {}", archives.display()))?.path();
        process::quietly(Command::new("dpkg-deb").arg("--extract").args([&archive, &half_done]))?;
        count += 1;
    }
    ensure!(count == packages.len(), "apt-get downloaded {count} of {} packages", packages.len());
    remove(&archives)?;
    fs::rename(&half_done, into).with_context(|| format!("cannot make {}", into.display()))
}

/// Updates apt's lists of packages.
fn update(access: &Access) -> Result<()> {
    let mut command = access.command(Path::new("/usr/bin/apt-get"))?;
    process::run(command.args(["-q", "-o", "DPkg::Lock::Timeout=300", "update"]).stdin(Stdio::null()))
}

fn with_suffix(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes a folder, if there is one.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulation_yields_packages_with_their_versions() {
        let said = "Reading package lists...\nRemv qemu-utils [1:10.0.2]\n\
                    Inst seabios (1.16.2-1 Debian:12.15/oldstable [all])\n\
                    Inst libnl-3-200 [3.6] (3.7.0-0.2+b1 Debian:12.15/oldstable [amd64]) []\n\
                    Conf seabios (1.16.2-1 Debian:12.15/oldstable [all])\n";
        assert_eq!(parse_simulation(said), ["seabios=1.16.2-1", "libnl-3-200=3.7.0-0.2+b1"]);
    }

    #[test]
    fn a_package_is_not_mistaken_for_one_with_a_longer_name() {
        assert!(is_of("qemu-system-x86=1:7.2", "qemu-system-x86"));
        assert!(!is_of("qemu-system-x86-xen=1:7.2", "qemu-system-x86"));
    }

    #[test]
    fn the_unfinished_folder_is_next_to_the_finished_one() {
        assert_eq!(with_suffix(Path::new("/t/vm/qemu"), ".part"), Path::new("/t/vm/qemu.part"));
    }
}
