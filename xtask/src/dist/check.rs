//! The check of the packages: they are the same bytes each time, and Debian's own tools install and remove them in a clean
//! system, which afterwards is as it was.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Dist, epoch, host, pack};
use crate::{build, process, provision::unpacked, root::Access, workspace};

/// Debian's release, and where its packages are.
const RELEASE: &str = "bookworm";
const MIRROR: &str = "http://deb.debian.org/debian";
/// Files that dpkg itself writes.
const OF_DPKG: [&str; 2] = ["/var/lib/dpkg", "/var/log"];

/// Packs the release build twice, compares, and installs the result.
pub(crate) fn run() -> Result<()> {
    let program = build::netmon(true)?;
    let host = host()?;
    let folder = workspace::target()?.join("packages/check");
    unpacked::remove(&folder)?;
    let epoch = epoch()?;
    for turn in ["1", "2"] {
        let dist = Dist { targets: Vec::new(), to: folder.join(turn), check: false };
        pack(&dist, &host, &program, &program, &epoch)?;
    }
    let packages = compare(&folder)?;
    let package =
        packages.iter().find(|name| name.ends_with(".deb")).context("there is no package for Debian")?;
    install(&folder.join("1").join(package))
}

/// Compares what two runs made. Returns the names of the files.
fn compare(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for item in fs::read_dir(folder.join("1")).context("nothing was packed")? {
        let name = item?.file_name().to_string_lossy().into_owned();
        let [one, two] = ["1", "2"].map(|turn| fs::read(folder.join(turn).join(&name)));
        ensure!(one? == two?, "{name} has other bytes the second time");
        names.push(name);
    }
    eprintln!("xtask: {} files have the same bytes each time", names.len());
    Ok(names)
}

/// Installs a package in a copy of a clean Debian, runs its program, removes the package, and compares the copy.
fn install(package: &Path) -> Result<()> {
    let access = Access::detect();
    let tree = Tree::copy(&access, &clean()?)?;
    let before = tree.files()?;
    let into = tree.path.join("netmon.deb");
    process::quietly(access.command(Path::new("/bin/cp"))?.arg(package).arg(&into))?;
    tree.run(&["dpkg", "--force-depends", "--install", "/netmon.deb"])?;
    let version = tree.run(&["netmon", "--version"])?;
    ensure!(version.starts_with("netmon "), "the installed program says {version}");
    for path in ["/usr/share/man/man1/netmon.1.gz", "/usr/lib/systemd/system/netmon@.service"] {
        ensure!(tree.path.join(&path[1..]).is_file(), "{path} is not installed");
    }
    let said = tree.run(&["dpkg", "--verify", "netmon"])?;
    ensure!(said.is_empty(), "what is installed differs from the package:\n{said}");
    tree.run(&["dpkg", "--purge", "netmon"])?;
    process::quietly(access.command(Path::new("/bin/rm"))?.arg(&into))?;
    let left: Vec<_> = tree.files()?.symmetric_difference(&before).cloned().collect();
    ensure!(left.is_empty(), "removing the package leaves a difference:\n{}", left.join("\n"));
    eprintln!("xtask: {} installs and is removed without a trace", version.trim());
    Ok(())
}

/// Returns a clean Debian, which an earlier run made, or makes one.
fn clean() -> Result<PathBuf> {
    let folder = workspace::tools()?.join(format!("debian-{RELEASE}"));
    if folder.join("netmon-complete").is_file() {
        return Ok(folder);
    }
    let debootstrap = workspace::tools()?.join("debootstrap");
    if !debootstrap.is_dir() {
        unpacked::provide(|| Ok(vec!["debootstrap".to_owned()]), &debootstrap)?;
    }
    eprintln!("xtask: making a clean Debian in {}: a minute", folder.display());
    unpacked::remove(&folder)?;
    let mut command = Access::detect().command(Path::new("/usr/bin/env"))?;
    command
        .arg(format!("DEBOOTSTRAP_DIR={}", debootstrap.join("usr/share/debootstrap").display()))
        .arg(debootstrap.join("usr/sbin/debootstrap"))
        .args(["--variant=minbase", RELEASE])
        .arg(&folder)
        .arg(MIRROR);
    let said = process::output(&mut command);
    if let Err(error) = said {
        bail!("cannot make a clean Debian: {error:#}");
    }
    process::quietly(
        Access::detect().command(Path::new("/usr/bin/touch"))?.arg(folder.join("netmon-complete")),
    )?;
    Ok(folder)
}

/// A copy of a system, which is removed when it is dropped.
struct Tree<'a> {
    path: PathBuf,
    access: &'a Access,
}

impl<'a> Tree<'a> {
    fn copy(access: &'a Access, from: &Path) -> Result<Self> {
        let path = workspace::target()?.join("packages/debian");
        let tree = Self { path, access };
        tree.remove()?;
        process::quietly(access.command(Path::new("/bin/cp"))?.arg("--archive").arg(from).arg(&tree.path))?;
        Ok(tree)
    }

    /// Runs a program of the system, and returns what it says.
    fn run(&self, command: &[&str]) -> Result<String> {
        let mut chroot = self.access.command(Path::new("/usr/sbin/chroot"))?;
        chroot.arg(&self.path).args(command).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        process::output(&mut chroot)
    }

    /// Returns all files, except those that dpkg writes about itself.
    fn files(&self) -> Result<BTreeSet<String>> {
        let said = process::output(Command::new("find").arg(&self.path).args(["-printf", "/%P %M %u %s\n"]))?;
        let is_dpkgs = |line: &str| OF_DPKG.iter().any(|folder| line.starts_with(folder));
        // The size of a folder depends on what was in it.
        let line = |line: &str| match line.split_once(" d") {
            Some((path, _)) => path.to_owned(),
            None => line.to_owned(),
        };
        Ok(said.lines().filter(|one| !is_dpkgs(one)).map(line).collect())
    }

    fn remove(&self) -> Result<()> {
        process::quietly(
            self.access.command(Path::new("/bin/rm"))?.args(["-rf", "--one-file-system"]).arg(&self.path),
        )
    }
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("xtask: {error:#}");
        }
    }
}
