//! Installs what building and testing need in addition to cargo, and only what is missing.
//!
//! Each concept (the standard library's source, LLVM, the linker, the tests' peers) is a file that finds out what is
//! missing and adds it to a [`Plan`]. A plan is printed before it is carried out. If it cannot be carried out, xtask
//! lists everything to install by hand, before it compiles anything.
//!
//! There is no stamp file: checking everything takes a fifth of a second, and a stamp can be wrong.

mod apt;
mod components;
pub(crate) mod linker;
pub(crate) mod llvm;
pub(crate) mod peers;
mod plan;
pub(crate) mod runtimes;
pub(crate) mod rust_src;
pub(crate) mod toolchain;
pub(crate) mod unpacked;

use anyhow::{Result, bail};

use self::{plan::Plan, toolchain::Toolchain};
use crate::root::Access;

/// What a subcommand is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Build the eBPF object.
    Ebpf,
    /// Format and lint.
    Lint,
    /// Run the privileged tests against real programs.
    Peers,
}

/// A rustup component that cannot be downloaded changes the toolchain, and a new toolchain may need another LLVM: three
/// rounds suffice in every case that has an end.
const ROUNDS: usize = 3;

/// Installs what is missing and returns the toolchain that builds the eBPF object.
pub(crate) fn ensure(wants: &[Want]) -> Result<Toolchain> {
    for _ in 0..ROUNDS {
        let toolchain = Toolchain::for_ebpf()?;
        let plan = plan(wants, &toolchain)?;
        if plan.is_empty() {
            if wants.contains(&Want::Ebpf) {
                linker::offer(&toolchain)?;
            }
            return Ok(toolchain);
        }
        let access = Access::detect();
        plan.check(&access)?;
        plan.carry_out(&access)?;
    }
    let toolchain = Toolchain::for_ebpf()?;
    bail!("still missing after the installation:\n{}", plan(wants, &toolchain)?.by_hand())
}

/// Fails if no command can run as root. To be called before anything is installed or built for a step that needs root;
/// `why` names that step in the error.
pub(crate) fn require_root(access: &Access, wants: &[Want], why: &str) -> Result<()> {
    if *access != Access::None {
        return Ok(());
    }
    let missing = plan(wants, &Toolchain::for_ebpf()?)?;
    let also =
        if missing.is_empty() { String::new() } else { format!("\nAlso missing:\n{}", missing.by_hand()) };
    bail!("{why}, which needs root: become root, or install sudo. Nothing was built.{also}")
}

fn plan(wants: &[Want], toolchain: &Toolchain) -> Result<Plan> {
    let mut plan = Plan::default();
    for want in wants {
        match want {
            Want::Ebpf => {
                rust_src::plan(toolchain, &mut plan);
                linker::plan(toolchain, &mut plan)?;
                llvm::plan_strip(&mut plan);
            }
            Want::Lint => components::plan(&Toolchain::current()?, toolchain, &mut plan),
            Want::Peers => peers::plan(&mut plan),
        }
    }
    Ok(plan)
}
