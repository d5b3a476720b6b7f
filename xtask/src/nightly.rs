//! The nightly toolchain, which libFuzzer and Miri need. xtask uses it where it is installed, and installs none: a toolchain
//! of a gigabyte is its user's decision.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{process, provision::toolchain::Toolchain};

/// Its name in rustup.
pub(crate) const NIGHTLY: &str = "nightly";

/// Fails if nightly is not installed, or lacks one of these components (rustup's name, and a file of it in the sysroot).
/// `why` names what needs it.
pub(crate) fn require(components: &[(&str, &str)], why: &str) -> Result<()> {
    let install =
        |missing: &str| format!("rustup toolchain install {NIGHTLY} --profile minimal --component {missing}");
    let all = || components.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    if process::find("rustup").is_none() {
        bail!(
            "{why} needs Rust's nightly toolchain, and there is no rustup. Nothing was run. Install rustup, then: {}",
            install(&all())
        );
    }
    let Ok(toolchain) = Toolchain::named(NIGHTLY) else {
        bail!("{why} needs Rust's nightly toolchain. Nothing was run. Install it with: {}", install(&all()));
    };
    let missing = missing(components, &toolchain.sysroot);
    if !missing.is_empty() {
        bail!(
            "{why} needs {missing} of the nightly toolchain. Nothing was run. Install it with: {}",
            install(&missing)
        );
    }
    Ok(())
}

/// Returns the names of the components whose file is missing, separated by commas.
fn missing(components: &[(&str, &str)], sysroot: &Path) -> String {
    let missing = components.iter().filter(|(_, file)| !sysroot.join(file).exists());
    missing.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_missing_if_its_file_is() {
        let sysroot = Path::new(env!("CARGO_MANIFEST_DIR"));
        let components = [("rust-src", "src/main.rs"), ("miri", "bin/cargo-miri"), ("clippy", "bin/clippy")];
        assert_eq!(missing(&components, sysroot), "miri,clippy");
    }
}
