//! Provides what building and testing need beside cargo, and only what is missing.
//!
//! Each concept (the standard library's source, LLVM, the linker, the tests' peers) has a file that can say
//! what is missing, and adds it to a [`Plan`]. A plan is shown before it is carried out, and one that cannot
//! be carried out is shown as what to install by hand: before anything is compiled, and all of it at once.
//!
//! There is no stamp file: to look whether everything is there costs a fifth of a second, and a stamp can
//! be wrong.

mod apt;
mod components;
pub(crate) mod linker;
mod llvm;
pub(crate) mod peers;
mod plan;
pub(crate) mod rust_src;
pub(crate) mod toolchain;
pub(crate) mod unpacked;

use anyhow::{Result, bail};

use self::{plan::Plan, toolchain::Toolchain};
use crate::root::Access;

/// What a subcommand is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Build the eBPF object.
    Ebpf,
    /// Format and lint.
    Lint,
    /// Run the privileged tests against real programs.
    Peers,
}

/// A rustup component that cannot be fetched changes the toolchain, and a new toolchain may want another
/// LLVM: three rounds end in any case that can end.
const ROUNDS: usize = 3;

/// Provides what is missing, and returns the toolchain that builds the eBPF object.
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
    bail!("this is still missing after it was installed:\n{}", plan(wants, &toolchain)?.by_hand())
}

/// For what ends with a step as root: fails before anything is provided or built if there can be no such step.
/// `why` says what needs it.
pub(crate) fn require_root(access: &Access, wants: &[Want], why: &str) -> Result<()> {
    if *access != Access::None {
        return Ok(());
    }
    let missing = plan(wants, &Toolchain::for_ebpf()?)?;
    let also =
        if missing.is_empty() { String::new() } else { format!("\nMissing too:\n{}", missing.by_hand()) };
    bail!("{why}: become root, or install sudo. Nothing was built.{also}")
}

fn plan(wants: &[Want], toolchain: &Toolchain) -> Result<Plan> {
    let mut plan = Plan::default();
    for want in wants {
        match want {
            Want::Ebpf => {
                rust_src::plan(toolchain, &mut plan);
                linker::plan(toolchain, &mut plan)?;
            }
            Want::Lint => components::plan(&Toolchain::current()?, toolchain, &mut plan),
            Want::Peers => peers::plan(&mut plan),
        }
    }
    Ok(plan)
}
