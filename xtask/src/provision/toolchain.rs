//! The compiler that builds the eBPF object: the one that builds the agent, unless it cannot.
//!
//! Another one is chosen by `NETMON_EBPF_TOOLCHAIN`, or by the file that [`super::rust_src`] writes when the
//! source of the standard library could be had for another toolchain only. `netmon/build.rs` reads both.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{process, workspace};

/// Names the toolchain by hand.
const VARIABLE: &str = "NETMON_EBPF_TOOLCHAIN";
/// The file among the tools that names it.
const FILE: &str = "ebpf-toolchain";

/// An installed Rust toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// rustup's name, where rustup knows it.
    name: Option<String>,
    /// Whether it is another one than cargo's that started us.
    foreign: bool,
    /// As `rustc -vV` says.
    pub(crate) release: String,
    /// Major version of the LLVM that it writes bitcode with.
    pub(crate) llvm: u32,
    /// Where its libraries are.
    pub(crate) sysroot: PathBuf,
}

impl Toolchain {
    /// The one that cargo started us with.
    pub(crate) fn current() -> Result<Self> {
        // rustup tells its proxies' children which toolchain they run under.
        let name = env::var("RUSTUP_TOOLCHAIN").ok().filter(|_| process::find("rustup").is_some());
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        Self::ask(name, false, || Command::new(&rustc))
    }

    /// The one that builds the eBPF object.
    pub(crate) fn for_ebpf() -> Result<Self> {
        let chosen = env::var(VARIABLE).ok().or(read_choice(&workspace::tools()?.join(FILE))?);
        chosen.map_or_else(Self::current, |name| Self::named(&name))
    }

    /// An installed one, by rustup's name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        Self::ask(Some(name.to_owned()), true, || {
            let mut command = Command::new("rustup");
            command.args(["run", name, "rustc"]);
            command
        })
        .with_context(|| format!("toolchain {name}, which is to build the eBPF object"))
    }

    /// Makes this the one that builds the eBPF object from now on.
    pub(crate) fn choose(name: &str) -> Result<()> {
        let tools = workspace::tools()?;
        fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
        let file = tools.join(FILE);
        fs::write(&file, name).with_context(|| format!("cannot write {}", file.display()))
    }

    /// rustup's name, where rustup can add components: not to one that the distribution installed and
    /// that is only linked.
    pub(crate) fn rustup_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.sysroot != Path::new("/usr"))
    }

    /// rustup's name, if it is another toolchain than the one that builds the agent.
    pub(crate) fn foreign_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.foreign)
    }

    /// Has rustup fetch a component.
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

/// Release and LLVM major version from `rustc -vV`.
fn parse_version(text: &str) -> Result<(String, u32)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let release = field("release:").context("rustc -vV names no release")?;
    let llvm = field("LLVM version:").context("rustc -vV names no LLVM version")?;
    let major = llvm.split('.').next().and_then(|major| major.parse().ok());
    let major = major.with_context(|| format!("LLVM version {llvm:?} of rustc is not understood"))?;
    ensure!(!release.is_empty(), "rustc -vV names an empty release");
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
