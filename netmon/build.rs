//! Builds the eBPF object and places it in `OUT_DIR`, where `datapath::object` includes it.
//!
//! It does not install anything: `cargo xtask` provides rust-src, LLVM and bpf-linker, and passes the
//! linker on `PATH`. `NETMON_EBPF_TOOLCHAIN` names another toolchain than the one that builds the agent.

use anyhow::Context as _;
use aya_build::{Package, Toolchain};

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed=NETMON_EBPF_TOOLCHAIN");
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../netmon-ebpf");
    let toolchain = std::env::var("NETMON_EBPF_TOOLCHAIN")
        .or_else(|_| std::env::var("RUSTUP_TOOLCHAIN"))
        .unwrap_or_else(|_| "stable".to_owned());
    aya_build::build_ebpf(
        [Package { name: "netmon-ebpf", root_dir, features: &["programs"], ..Package::default() }],
        Toolchain::Custom(&toolchain),
    )
    .context("the eBPF object did not build; `cargo xtask build` provides what it needs")
}
