//! Paths: the workspace, cargo's target folder, and the tools that xtask keeps in it.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Returns the folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> Result<PathBuf> {
    // Read at run time: the folder may have been moved since xtask was compiled.
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.parent().map(Path::to_path_buf).with_context(|| format!("{} has no parent", own.display()))
}

/// Returns cargo's target folder: the one that this program was built into, whatever cargo's configuration says.
pub(crate) fn target() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot find the running xtask")?;
    // <target>/debug/xtask
    own.ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .with_context(|| format!("{} is not in a target folder", own.display()))
}

/// Returns the folder of the tools that xtask installs for the build. `cargo clean` removes it, and nothing outside
/// depends on it.
pub(crate) fn tools() -> Result<PathBuf> {
    Ok(target()?.join("tools"))
}
