//! The source of the standard library: there is no prebuilt `core` for eBPF, so the build compiles it.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{
    apt,
    plan::{Component, Plan},
    toolchain::Toolchain,
};
use crate::{process, root::Access};

/// The name of the component in rustup.
pub(crate) const NAME: &str = "rust-src";

/// Debian's current compiler with its source, for hosts on which rustup cannot download.
const DISTRIBUTION: [&str; 3] = ["rustc-web", "rust-web-src", "cargo-web"];
/// The name of that compiler in rustup.
const LINKED: &str = "netmon-distribution";

/// Plans the component if the toolchain lacks it.
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

/// Returns whether the toolchain has the source.
pub(crate) fn is_there(toolchain: &Toolchain) -> bool {
    toolchain.sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
}

/// Chooses another toolchain after rustup could not download the component: an installed one that has it, or else the
/// distribution's.
pub(crate) fn elsewhere(access: &Access) -> Result<()> {
    let list = process::output(Command::new("rustup").args(["toolchain", "list", "--quiet"]))?;
    let installed = list.lines().filter_map(|line| line.split_whitespace().next());
    for name in installed {
        if Toolchain::named(name).is_ok_and(|toolchain| is_there(&toolchain)) {
            eprintln!(
                "xtask: cannot download {NAME}; toolchain {name} has it and will build the eBPF object"
            );
            return Toolchain::choose(name);
        }
    }
    from_distribution(access)
}

fn from_distribution(access: &Access) -> Result<()> {
    if *access == Access::None || process::find("apt-get").is_none() {
        bail!("no installed toolchain has {NAME}");
    }
    eprintln!(
        "xtask: cannot download {NAME}; installing Debian's compiler to build the eBPF object, a minute"
    );
    apt::install(access, DISTRIBUTION, &[]).context("no installed toolchain has rust-src")?;
    process::run(Command::new("rustup").args(["toolchain", "link", LINKED, "/usr"]))?;
    Toolchain::choose(LINKED)
}
