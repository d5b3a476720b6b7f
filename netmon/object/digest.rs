//! The checksum of the sources that the eBPF objects are made from. The build script of `netmon` and `cargo xtask`
//! share this file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What the objects are made from, in the folder of the package `netmon-ebpf`.
pub(crate) const SOURCES: [&str; 3] = ["Cargo.toml", "build.rs", "src"];

/// FNV-1a, 64 bits: it finds a forgotten rebuild, and protects against nothing else.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Returns the checksum of the sources in the package's folder, in hexadecimal.
pub(crate) fn of_sources(package: &Path) -> io::Result<String> {
    let mut hash = BASIS;
    for path in SOURCES {
        for file in files(&package.join(path))? {
            let name = file.strip_prefix(package).unwrap_or(&file).to_string_lossy().into_owned();
            hash = add(add(hash, name.as_bytes()), &fs::read(&file)?);
        }
    }
    Ok(format!("{hash:016x}"))
}

/// Returns a file, or all files below a folder, in the order of their names.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    let mut all = Vec::new();
    for entry in entries {
        all.extend(files(&entry)?);
    }
    Ok(all)
}

/// Adds bytes and their number, so that a boundary that moves changes the checksum.
fn add(hash: u64, bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u64).to_le_bytes();
    bytes.iter().chain(&length).fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
