//! The LLVM for building bpf-linker.
//!
//! The linker reads the compiler's bitcode, which an older LLVM cannot read: its major version must be at least the
//! compiler's.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::plan::Plan;
use crate::process;

/// Major versions that bpf-linker 0.13 can be built with.
const SUPPORTED: [u32; 3] = [21, 22, 23];
/// Removes debug sections from an object of any target.
const STRIP: &str = "llvm-strip";

/// An LLVM to build bpf-linker with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Llvm {
    /// Major version.
    pub(crate) major: u32,
    /// `LLVM_PREFIX`.
    pub(crate) prefix: PathBuf,
}

/// Finds an installed LLVM that can read the bitcode of `compiler`, or plans its installation.
pub(crate) fn plan(compiler: u32, plan: &mut Plan) -> Result<Llvm> {
    if let Some(installed) = SUPPORTED.into_iter().filter(|&major| major >= compiler).find_map(installed) {
        return Ok(installed);
    }
    let major = fitting(compiler)?;
    plan.package(format!("llvm-{major}-dev"), format!("LLVM {major}, to build bpf-linker"));
    Ok(Llvm { major, prefix: debian_prefix(major) })
}

/// Returns the oldest version that can read the compiler's bitcode, which is the likeliest to be packaged.
fn fitting(compiler: u32) -> Result<u32> {
    SUPPORTED.into_iter().find(|&major| major >= compiler).with_context(|| {
        format!("the compiler uses LLVM {compiler}, but bpf-linker supports LLVM 23 at most: use an older compiler")
    })
}

/// Finds an installed LLVM at Debian's path, or at the prefix that an `llvm-config` on `PATH` prints.
fn installed(major: u32) -> Option<Llvm> {
    let configured = [format!("llvm-config-{major}"), "llvm-config".to_owned()]
        .iter()
        .filter_map(|name| process::find(name))
        .filter(|config| ask(config, "--version").is_some_and(|version| is_major(&version, major)))
        .find_map(|config| ask(&config, "--prefix"))
        .map(PathBuf::from);
    [Some(debian_prefix(major)), configured]
        .into_iter()
        .flatten()
        .find(|prefix| can_be_linked(prefix))
        .map(|prefix| Llvm { major, prefix })
}

/// Plans LLVM's tools, if only a linker from elsewhere is installed. LLVM's development files come with them.
pub(crate) fn plan_strip(plan: &mut Plan) {
    if strip().is_none() && !plan.has_package("-dev") {
        plan.package("llvm", "llvm-strip, to make the eBPF objects small");
    }
}

/// Finds `llvm-strip`, of any version: at Debian's paths, or on `PATH`.
pub(crate) fn strip() -> Option<PathBuf> {
    let mut of_debian = SUPPORTED.iter().map(|&major| debian_prefix(major).join("bin").join(STRIP));
    let configured = || {
        let config = process::find("llvm-config")?;
        Some(PathBuf::from(ask(&config, "--bindir")?).join(STRIP)).filter(|path| path.is_file())
    };
    of_debian.find(|path| path.is_file()).or_else(|| process::find(STRIP)).or_else(configured)
}

fn debian_prefix(major: u32) -> PathBuf {
    PathBuf::from(format!("/usr/lib/llvm-{major}"))
}

/// Returns whether the development files are installed, not only the library that programs load.
fn can_be_linked(prefix: &Path) -> bool {
    ["lib", "lib64"].iter().any(|lib| prefix.join(lib).join("libLLVM.so").exists())
        && prefix.join("bin/llvm-config").exists()
}

fn ask(config: &Path, question: &str) -> Option<String> {
    process::output(Command::new(config).arg(question)).ok().map(|answer| answer.trim().to_owned())
}

fn is_major(version: &str, major: u32) -> bool {
    version.split('.').next().is_some_and(|first| first == major.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_llvm_that_understands_the_compiler_is_taken() {
        assert_eq!(fitting(20).expect("supported"), 21);
        assert_eq!(fitting(22).expect("supported"), 22);
    }

    #[test]
    fn a_compiler_that_is_too_new_is_refused_with_the_reason() {
        let error = fitting(24).expect_err("there is no such LLVM");
        assert!(error.to_string().contains("LLVM 24"), "{error}");
    }

    #[test]
    fn a_version_is_compared_by_its_major_number() {
        assert!(is_major("22.1.8", 22));
        assert!(!is_major("2.2", 22));
    }
}
