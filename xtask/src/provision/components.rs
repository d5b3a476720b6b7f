//! rustfmt and clippy, which a minimal installation of Rust lacks.

use super::{
    plan::{Component, Plan},
    toolchain::Toolchain,
};

/// Component, its program, Debian's package, purpose.
const COMPONENTS: [(&str, &str, &str, &str); 2] = [
    ("rustfmt", "rustfmt", "rustfmt", "formatting is checked"),
    ("clippy", "cargo-clippy", "rust-clippy", "warnings of clippy are errors"),
];

/// Plans those that the toolchain lacks.
pub(crate) fn plan(toolchain: &Toolchain, plan: &mut Plan) {
    for (name, program, package, purpose) in COMPONENTS {
        // Not on PATH: rustup has a proxy there whether or not the component is installed.
        if !toolchain.sysroot.join("bin").join(program).exists() {
            plan.component(Component {
                name,
                package: package.to_owned(),
                purpose,
                toolchain: toolchain.clone(),
            });
        }
    }
}
