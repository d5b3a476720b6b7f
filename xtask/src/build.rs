//! `cargo xtask build`: builds the agent with the eBPF objects inside.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::{cargo, ebpf};

/// The largest binary that a first run may produce, in bytes.
const MOST_BYTES: u64 = 16_000_000;

/// Builds the agent and prints the path of its binary.
pub(crate) fn run(release: bool) -> Result<()> {
    println!("{}", netmon(release)?.display());
    Ok(())
}

/// Fails if the release binary is too large, names its builder's folders, or lacks the types of its eBPF programs.
pub(crate) fn check_release() -> Result<()> {
    let netmon = netmon(true)?;
    let bytes = fs::read(&netmon).with_context(|| format!("cannot read {}", netmon.display()))?;
    ensure!(
        bytes.len() as u64 <= MOST_BYTES,
        "{} has {} bytes, and may have {MOST_BYTES}",
        netmon.display(),
        bytes.len()
    );
    for folder in cargo::machine_folders()? {
        let text = folder.display().to_string();
        ensure!(find(&bytes, text.as_bytes()).is_none(), "{} contains the path {text}", netmon.display());
    }
    // The section's name, whose beginning the object may share with that of its relocations.
    ensure!(find(&bytes, b".BTF.ext\0").is_some(), "{} has no eBPF object with BTF", netmon.display());
    eprintln!("xtask: {} has {} bytes", netmon.display(), bytes.len());
    Ok(())
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// Builds the `netmon` binary, after making the eBPF objects if their sources have changed. Returns its path.
pub(crate) fn netmon(release: bool) -> Result<PathBuf> {
    ebpf::ensure()?;
    let args: &[&str] = if release { &["--bin", "netmon", "--release"] } else { &["--bin", "netmon"] };
    cargo::built("build", "netmon", args)
}
