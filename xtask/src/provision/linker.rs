//! bpf-linker, which turns the compiler's bitcode into an eBPF object with BTF.
//!
//! A suitable one on `PATH` is used; otherwise one is built into the tools folder. In either case [`offer`] links to it
//! from where the build scripts of older commits look, which `cargo xtask bench --against` builds.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    llvm::{self, Llvm},
    plan::Plan,
    toolchain::Toolchain,
};
use crate::{cargo, process, workspace};

const NAME: &str = "bpf-linker";
const VERSION: &str = "0.13.0";

/// A linker to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkerBuild {
    llvm: Llvm,
    root: PathBuf,
}

/// Plans to build a linker, if none can read the toolchain's bitcode.
pub(crate) fn plan(toolchain: &Toolchain, plan: &mut Plan) -> Result<()> {
    if find(toolchain)?.is_none() {
        let llvm = llvm::plan(toolchain.llvm, plan)?;
        let root = root(llvm.major)?;
        plan.linker(LinkerBuild { llvm, root });
    }
    Ok(())
}

/// Finds a linker that can read the toolchain's bitcode: on `PATH`, or in the tools folder.
pub(crate) fn find(toolchain: &Toolchain) -> Result<Option<PathBuf>> {
    let path = env::var_os("PATH").unwrap_or_default();
    let built = (toolchain.llvm..toolchain.llvm + 3).map(root).collect::<Result<Vec<_>>>()?;
    Ok(env::split_paths(&path)
        .chain(built.into_iter().map(|root| root.join("bin")))
        .map(|folder| folder.join(NAME))
        .filter(|linker| linker.is_file())
        .find(|linker| llvm_of(linker).is_some_and(|llvm| llvm >= toolchain.llvm)))
}

/// Links to the linker from where the build scripts of older commits look.
pub(crate) fn offer(toolchain: &Toolchain) -> Result<()> {
    let linker = find(toolchain)?.context("bpf-linker disappeared after it was provided")?;
    let folder = workspace::tools()?.join("bin");
    let link = folder.join(NAME);
    if fs::read_link(&link).is_ok_and(|old| old == linker) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link).with_context(|| format!("cannot replace {}", link.display()))?;
    }
    symlink(&linker, &link).with_context(|| format!("cannot make {}", link.display()))
}

/// Returns the major version of the LLVM that a linker was built with. The linker has no option for it, but LLVM's own
/// `-version` prints it before any input is read.
pub(crate) fn llvm_of(linker: &Path) -> Option<u32> {
    llvm_version(linker)?.split('.').next()?.parse().ok()
}

/// Returns the whole version of that LLVM, which decides which instructions a linker makes: `22.1.8`.
pub(crate) fn llvm_version(linker: &Path) -> Option<String> {
    let answer = Command::new(linker)
        .args(["--llvm-args=-version", "--output", "/dev/null", "/dev/null"])
        .output()
        .ok()?;
    parse_llvm_version(&String::from_utf8_lossy(&answer.stdout)).map(str::to_owned)
}

fn parse_llvm_version(text: &str) -> Option<&str> {
    let (_, version) = text.split_once("LLVM version ")?;
    let version = version.split_whitespace().next()?;
    version.starts_with(|first: char| first.is_ascii_digit()).then_some(version)
}

/// Returns the folder of a linker, one for each LLVM: a linker for another version does not overwrite it.
fn root(llvm: u32) -> Result<PathBuf> {
    Ok(workspace::tools()?.join(format!("{NAME}-{VERSION}-llvm-{llvm}")))
}

impl LinkerBuild {
    /// Builds the linker. Cargo shows its progress.
    pub(crate) fn carry_out(&self) -> Result<()> {
        let mut command = cargo::command()?;
        // With the install folder on PATH, cargo does not print a warning to add it.
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(env::split_paths(&path).chain([self.root.join("bin")]))
            .context("PATH cannot be extended")?;
        command.env("PATH", path).env("LLVM_PREFIX", &self.llvm.prefix).args(self.arguments());
        process::run(&mut command)
    }

    /// Returns the same command as a user would type it.
    pub(crate) fn by_hand(&self) -> String {
        format!("LLVM_PREFIX={} cargo {}", self.llvm.prefix.display(), self.arguments().join(" "))
    }

    fn arguments(&self) -> Vec<String> {
        let feature = format!("llvm-{}", self.llvm.major);
        let root = self.root.to_string_lossy().into_owned();
        ["install", NAME, "--version", VERSION, "--locked", "--no-default-features", "--features"]
            .into_iter()
            .map(str::to_owned)
            .chain([feature, "--root".to_owned(), root])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_llvm_of_a_linker_is_read_from_what_llvm_prints() {
        assert_eq!(parse_llvm_version("Debian LLVM version 22.1.8\n  Optimized build.\n"), Some("22.1.8"));
        assert_eq!(parse_llvm_version("LLVM (http://llvm.org/):\n  LLVM version 21.1.0\n"), Some("21.1.0"));
        assert_eq!(parse_llvm_version("error: unexpected argument"), None);
    }

    #[test]
    fn a_linker_that_prints_no_version_has_no_known_llvm() {
        assert_eq!(llvm_of(Path::new("/bin/false")), None);
    }
}
