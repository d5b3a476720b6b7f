//! The source of the standard library: there is no prebuilt `core` for eBPF, so it is built along.

use std::process::Command;

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
            package: apt::beside_compiler("src"),
            purpose: "the eBPF target has no prebuilt core library",
            toolchain: toolchain.clone(),
        });
    }
}

/// Whether the toolchain has it.
pub(crate) fn is_there(toolchain: &Toolchain) -> bool {
    toolchain.sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
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
