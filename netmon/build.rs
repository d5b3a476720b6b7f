//! Checks that the eBPF objects in `object/` were made from the sources in `netmon-ebpf`. It builds and installs
//! nothing: `cargo xtask ebpf` makes the objects, and the commands of xtask do so when a source has changed.
//!
//! A crate archive has the objects and no sources next to it: then there is nothing to compare.

#[path = "object/digest.rs"]
mod digest;

use std::{env, fs, path::Path, process::ExitCode};

/// Where the sources are, from this package's folder.
const SOURCES: &str = "../netmon-ebpf";
/// What `cargo xtask ebpf` records.
const MADE_FROM: &str = "object/made-from";
/// Set by an editor or a check that needs no object of today's sources.
const UNCHECKED: &str = "NETMON_EBPF_UNCHECKED";

fn main() -> ExitCode {
    println!("cargo:rerun-if-env-changed={UNCHECKED}");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=object");
    let package = Path::new(SOURCES);
    if !package.is_dir() || env::var_os(UNCHECKED).is_some() {
        return ExitCode::SUCCESS;
    }
    for source in digest::SOURCES {
        println!("cargo:rerun-if-changed={SOURCES}/{source}");
    }
    let today = match digest::of_sources(package) {
        Ok(today) => today,
        Err(error) => {
            eprintln!("cannot read the sources of the eBPF objects in {SOURCES}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let recorded = fs::read_to_string(MADE_FROM).unwrap_or_default();
    if recorded.lines().any(|line| line.strip_prefix("sources ") == Some(&today)) {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "the eBPF objects in netmon/object are older than their sources in netmon-ebpf: `cargo xtask ebpf` makes them \
         again (`{UNCHECKED}=1` builds with the old ones)"
    );
    ExitCode::FAILURE
}
