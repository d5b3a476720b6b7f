//! rustfmt and clippy, which a minimal installation of Rust lacks.

use super::{
    apt,
    plan::{Component, Plan},
    toolchain::Toolchain,
};

/// Plans what the agent's toolchain lacks, and clippy for the toolchain that builds the eBPF object.
pub(crate) fn plan(agent: &Toolchain, ebpf: &Toolchain, plan: &mut Plan) {
    if lacks(agent, "rustfmt") {
        plan.component(component("rustfmt", "rustfmt".to_owned(), "checks the formatting", agent));
    }
    for toolchain in [agent, ebpf].into_iter().filter(|toolchain| lacks(toolchain, "cargo-clippy")) {
        let package = apt::beside_compiler("clippy");
        plan.component(component("clippy", package, "lints; its warnings are errors", toolchain));
    }
}

/// Returns whether a toolchain lacks a program. `PATH` does not tell: rustup puts a proxy there whether or not the
/// component is installed.
fn lacks(toolchain: &Toolchain, program: &str) -> bool {
    !toolchain.sysroot.join("bin").join(program).exists()
}

fn component(name: &'static str, package: String, purpose: &'static str, toolchain: &Toolchain) -> Component {
    Component { name, package, purpose, toolchain: toolchain.clone() }
}
