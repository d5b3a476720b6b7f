//! `cargo xtask ebpf`: makes the eBPF objects in `netmon/object`.
//!
//! They are committed, so that a build of the agent needs neither the source of `core` nor LLVM nor a linker for eBPF
//! (`docs/adr/0034-the-object-is-committed.md`). A checksum of their sources is beside them. Commands that build the
//! agent make them again if it is another one than today's, and CI compares them with what it makes itself.

mod compile;
#[path = "../../../netmon/object/digest.rs"]
mod digest;
mod made_from;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use self::made_from::MadeFrom;
use crate::{
    provision::{self, Want, toolchain::Toolchain},
    workspace,
};

/// The objects, by the binary targets of `netmon-ebpf` that they are made from.
const OBJECTS: [&str; 2] = ["netmon-ebpf", "netmon-trace"];

/// What `cargo xtask ebpf` is to do.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Ebpf {
    /// Compare the objects with what their sources make, and change nothing
    #[arg(long)]
    check: bool,
}

/// Makes the objects, or compares them.
pub(crate) fn run(wish: Ebpf) -> Result<()> {
    if wish.check { check() } else { make() }
}

/// Returns whether the objects are older than their sources.
pub(crate) fn is_stale() -> Result<bool> {
    Ok(MadeFrom::read()?.is_none_or(|made| made.sources != sources().unwrap_or_default()))
}

/// Makes the objects if they are older than their sources.
pub(crate) fn ensure() -> Result<()> {
    if is_stale()? {
        eprintln!("xtask: the eBPF objects are older than their sources: making them again, a minute");
        make()?;
    }
    Ok(())
}

/// Fails if a committed object is not what its sources make.
///
/// Another compiler makes other instructions. Then the objects are made again and used from here on, so that the tests
/// are of what this compiler makes.
pub(crate) fn check() -> Result<()> {
    let toolchain = provision::ensure(&[Want::Ebpf])?;
    let recorded =
        MadeFrom::read()?.context("there is no netmon/object/made-from: run `cargo xtask ebpf`")?;
    let here = MadeFrom::of(&toolchain, sources()?)?;
    if recorded.compiler != here.compiler {
        eprintln!(
            "xtask: {} made the committed eBPF objects, and {} is here: nothing to compare. Making them again, to \
             test what this compiler makes",
            recorded.compiler, here.compiler
        );
        return make_with(&toolchain);
    }
    for (name, bytes) in compile::objects(&toolchain, &OBJECTS)? {
        let committed = fs::read(path(name)?).unwrap_or_default();
        if committed != bytes {
            bail!(
                "netmon/object/{name}.o is not what its sources make ({} bytes, and {} here): run `cargo xtask ebpf` \
                 and commit the result",
                committed.len(),
                bytes.len()
            );
        }
    }
    if recorded != here {
        bail!(
            "netmon/object/made-from is not of today's sources: run `cargo xtask ebpf` and commit the result"
        );
    }
    eprintln!("xtask: the committed eBPF objects are what {} makes of their sources", here.compiler);
    Ok(())
}

fn make() -> Result<()> {
    make_with(&provision::ensure(&[Want::Ebpf])?)
}

fn make_with(toolchain: &Toolchain) -> Result<()> {
    // Read before the build: a source that changes meanwhile makes the objects old, not new.
    let made = MadeFrom::of(toolchain, sources()?)?;
    for (name, bytes) in compile::objects(toolchain, &OBJECTS)? {
        let path = path(name)?;
        fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{} ({} bytes)", path.display(), bytes.len());
    }
    made.write()
}

fn sources() -> Result<String> {
    let package = workspace::root()?.join("netmon-ebpf");
    digest::of_sources(&package).with_context(|| format!("cannot read the sources in {}", package.display()))
}

/// Returns the folder of the objects.
fn folder() -> Result<PathBuf> {
    Ok(workspace::root()?.join("netmon/object"))
}

fn path(name: &str) -> Result<PathBuf> {
    Ok(folder()?.join(format!("{name}.o")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_changes_with_a_file_its_name_and_its_length() {
        let one = sources_of(&[("src/a.rs", "x"), ("src/b.rs", "")]);
        assert_eq!(one, sources_of(&[("src/a.rs", "x"), ("src/b.rs", "")]));
        assert_ne!(one, sources_of(&[("src/a.rs", "y"), ("src/b.rs", "")]));
        assert_ne!(one, sources_of(&[("src/a.rs", ""), ("src/b.rs", "x")]));
        assert_ne!(one, sources_of(&[("src/a.rs", "x"), ("src/c.rs", "")]));
    }

    #[test]
    fn a_package_without_sources_is_an_error() {
        assert!(digest::of_sources(std::path::Path::new("/nowhere")).is_err());
    }

    fn sources_of(files: &[(&str, &str)]) -> String {
        let folder = env_folder();
        fs::create_dir_all(folder.join("src")).expect("a folder");
        fs::write(folder.join("Cargo.toml"), "").expect("a file");
        fs::write(folder.join("build.rs"), "").expect("a file");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file");
        }
        let sum = digest::of_sources(&folder).expect("readable");
        fs::remove_dir_all(&folder).expect("removable");
        sum
    }

    fn env_folder() -> PathBuf {
        std::env::temp_dir().join(format!("netmon-xtask-sources-{}", std::process::id()))
    }
}
