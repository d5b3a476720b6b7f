//! The toolchain that builds the eBPF object: the one that builds the agent, unless that one cannot.
//!
//! `NETMON_EBPF_TOOLCHAIN` chooses another one, and so does the file that [`super::rust_src`] writes if only another
//! toolchain has the source of the standard library.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{process, workspace};

/// Names the toolchain.
const VARIABLE: &str = "NETMON_EBPF_TOOLCHAIN";
/// The file in the tools folder that names it.
const FILE: &str = "ebpf-toolchain";

/// An installed Rust toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Its name in rustup, if rustup knows it.
    name: Option<String>,
    /// Whether it is another toolchain than the one of the cargo that started xtask.
    foreign: bool,
    /// As `rustc -vV` prints it.
    pub(crate) release: String,
    /// Major version of the LLVM that writes its bitcode.
    pub(crate) llvm: u32,
    /// The folder that `rustc --print sysroot` prints.
    pub(crate) sysroot: PathBuf,
}

impl Toolchain {
    /// Returns the toolchain of the cargo that started xtask.
    pub(crate) fn current() -> Result<Self> {
        // rustup sets this for everything that its proxies start.
        let name = env::var("RUSTUP_TOOLCHAIN").ok().filter(|_| process::find("rustup").is_some());
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        Self::ask(name, false, || Command::new(&rustc))
    }

    /// Returns the toolchain that builds the eBPF object.
    pub(crate) fn for_ebpf() -> Result<Self> {
        let chosen = env::var(VARIABLE).ok().or(read_choice(&workspace::tools()?.join(FILE))?);
        chosen.map_or_else(Self::current, |name| Self::named(&name))
    }

    /// Returns an installed toolchain by its name in rustup.
    pub(crate) fn named(name: &str) -> Result<Self> {
        Self::ask(Some(name.to_owned()), true, || {
            let mut command = Command::new("rustup");
            command.args(["run", name, "rustc"]);
            command
        })
        .with_context(|| format!("cannot use toolchain {name} to build the eBPF object"))
    }

    /// Makes a toolchain the one that builds the eBPF object from now on.
    pub(crate) fn choose(name: &str) -> Result<()> {
        let tools = workspace::tools()?;
        fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
        let file = tools.join(FILE);
        fs::write(&file, name).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Returns its name in rustup if rustup can add components to it. It cannot for a toolchain that the distribution
    /// installed and that rustup only links to.
    pub(crate) fn rustup_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.sysroot != Path::new("/usr"))
    }

    /// Returns its name in rustup if another toolchain builds the agent.
    pub(crate) fn foreign_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.foreign)
    }

    /// Adds a component with rustup.
    pub(crate) fn add_component(&self, component: &str) -> Result<()> {
        let name = self.rustup_name().context("rustup does not manage this toolchain")?;
        process::run(Command::new("rustup").args(["component", "add", component, "--toolchain", name]))
    }

    fn ask(name: Option<String>, foreign: bool, rustc: impl Fn() -> Command) -> Result<Self> {
        let version = process::output(rustc().arg("-vV"))?;
        let sysroot = process::output(rustc().args(["--print", "sysroot"]))?;
        let (release, llvm) = parse_version(&version)?;
        Ok(Self { name, foreign, release, llvm, sysroot: sysroot.trim().into() })
    }
}

fn read_choice(file: &Path) -> Result<Option<String>> {
    if !file.exists() {
        return Ok(None);
    }
    let name = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some(name.trim().to_owned()))
}

/// Parses the release and the LLVM major version from the output of `rustc -vV`.
fn parse_version(text: &str) -> Result<(String, u32)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let release = field("release:").context("rustc -vV prints no release")?;
    let llvm = field("LLVM version:").context("rustc -vV prints no LLVM version")?;
    let major = llvm.split('.').next().and_then(|major| major.parse().ok());
    let major = major.with_context(|| format!("cannot parse rustc's LLVM version {llvm:?}"))?;
    ensure!(!release.is_empty(), "rustc -vV prints an empty release");
    Ok((release.to_owned(), major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_and_llvm_are_read_from_the_verbose_version() {
        let text = "rustc 1.95.0 (59807616e 2026-04-14)\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        assert_eq!(parse_version(text).expect("valid text"), ("1.95.0".to_owned(), 22));
    }

    #[test]
    fn a_compiler_without_llvm_is_refused() {
        let error = parse_version("release: 1.95.0\n").expect_err("no LLVM");
        assert!(error.to_string().contains("LLVM"), "{error}");
    }

    #[test]
    fn the_running_compiler_is_known() {
        let toolchain = Toolchain::current().expect("cargo runs this test with a compiler");
        assert!(toolchain.sysroot.join("lib").is_dir());
    }
}
