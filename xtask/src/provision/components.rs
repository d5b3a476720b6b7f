//! rustfmt and clippy, which a minimal installation of Rust lacks.

use super::{
    apt,
    plan::{Component, Plan},
    toolchain::Toolchain,
};

/// Plans those that the agent's toolchain lacks, and clippy for the one that builds the eBPF object.
pub(crate) fn plan(agent: &Toolchain, ebpf: &Toolchain, plan: &mut Plan) {
    if lacks(agent, "rustfmt") {
        plan.component(component("rustfmt", "rustfmt".to_owned(), "formatting is checked", agent));
    }
    for toolchain in [agent, ebpf].into_iter().filter(|toolchain| lacks(toolchain, "cargo-clippy")) {
        let package = apt::beside_compiler("clippy");
        plan.component(component("clippy", package, "warnings of clippy are errors", toolchain));
    }
}

/// Not asked of PATH: rustup has a proxy there whether or not the component is installed.
fn lacks(toolchain: &Toolchain, program: &str) -> bool {
    !toolchain.sysroot.join("bin").join(program).exists()
}

fn component(name: &'static str, package: String, purpose: &'static str, toolchain: &Toolchain) -> Component {
    Component { name, package, purpose, toolchain: toolchain.clone() }
}
