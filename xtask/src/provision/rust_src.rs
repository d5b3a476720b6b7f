//! The source of the standard library: there is no prebuilt `core` for eBPF, so it is built along.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{
    apt,
    plan::{Component, Plan},
    toolchain::Toolchain,
};
use crate::{process, root::Access};

/// rustup's name.
pub(crate) const NAME: &str = "rust-src";

/// Debian's current compiler with its source, for hosts where rustup cannot fetch.
const DISTRIBUTION: [&str; 3] = ["rustc-web", "rust-web-src", "cargo-web"];
/// What rustup calls that compiler.
const LINKED: &str = "netmon-distribution";

/// Plans it, if the toolchain lacks it.
pub(crate) fn plan(toolchain: &Toolchain, plan: &mut Plan) {
    if !is_there(toolchain) {
        plan.component(Component {
            name: NAME,
            package: package(),
            purpose: "the eBPF target has no prebuilt core library",
            toolchain: toolchain.clone(),
        });
    }
}

/// Whether the toolchain has it.
pub(crate) fn is_there(toolchain: &Toolchain) -> bool {
    toolchain.sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
}

/// Debian's package for the compiler that is in use, which may be one of several.
fn package() -> String {
    let rustc = process::find("rustc").unwrap_or_else(|| PathBuf::from("/usr/bin/rustc"));
    let owner = apt::owner(&rustc).unwrap_or_else(|| "rustc".to_owned());
    source_package(&owner)
}

/// `rustc` -> `rust-src`, `rustc-web` -> `rust-web-src`, `rustc-1.89` -> `rust-1.89-src`.
fn source_package(compiler: &str) -> String {
    format!("rust{}-src", compiler.strip_prefix("rustc").unwrap_or_default())
}

/// After rustup could not fetch it: a toolchain that has it already, or else the distribution's.
pub(crate) fn elsewhere(access: &Access) -> Result<()> {
    let list = process::output(Command::new("rustup").args(["toolchain", "list", "--quiet"]))?;
    let installed = list.lines().filter_map(|line| line.split_whitespace().next());
    for name in installed {
        if Toolchain::named(name).is_ok_and(|toolchain| is_there(&toolchain)) {
            eprintln!("xtask: {NAME} cannot be fetched; toolchain {name} has it and builds the eBPF object");
            return Toolchain::choose(name);
        }
    }
    from_distribution(access)
}

fn from_distribution(access: &Access) -> Result<()> {
    if *access == Access::None || process::find("apt-get").is_none() {
        bail!("no installed toolchain has {NAME}");
    }
    eprintln!("xtask: {NAME} cannot be fetched; Debian's own compiler builds the eBPF object: a minute");
    apt::install(access, DISTRIBUTION, &[]).context("no installed toolchain has rust-src")?;
    process::run(Command::new("rustup").args(["toolchain", "link", LINKED, "/usr"]))?;
    Toolchain::choose(LINKED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_package_follows_the_compilers() {
        assert_eq!(source_package("rustc"), "rust-src");
        assert_eq!(source_package("rustc-web"), "rust-web-src");
        assert_eq!(source_package("rustc-1.89"), "rust-1.89-src");
    }
}
