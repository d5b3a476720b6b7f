//! Builds the eBPF object and places it in `OUT_DIR`, where `datapath::object` includes it.
//!
//! It installs nothing: `cargo xtask build` provides rust-src, LLVM and bpf-linker, and refers to them in the
//! target directory's `tools`. Once they are there, a plain `cargo build` works too. `NETMON_EBPF_TOOLCHAIN` or
//! `tools/ebpf-toolchain` names a toolchain other than the agent's.
//!
//! A second process of this program does the work, because aya-build reads two things from its own environment:
//! `RUSTC_BOOTSTRAP=1`, with which a stable compiler builds `core`, and the `PATH` with the linker. Setting the first
//! for the whole build would change how crates that probe for nightly are compiled, and recompile them after each build
//! without it.
//!
//! This program also wraps the linker, to replace one argument: the instruction set (see [`link`]).

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio, exit},
};

use anyhow::{Context as _, Result, bail};
use aya_build::{Package, Toolchain};

/// Set for the second process.
const INNER: &str = "NETMON_EBPF_BUILD";
/// The variables with which cargo finds the linker, for both byte orders.
const LINKERS: [&str; 2] =
    ["CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", "CARGO_TARGET_BPFEB_UNKNOWN_NONE_LINKER"];
/// The instructions that the programs may use: version 2, of Linux 4.14 (`docs/adr/0012-what-linux-6.1-wants.md`).
const CPU: &str = "v2";

fn main() -> ExitCode {
    let done = if env::args_os().len() > 1 {
        // Cargo gives a build script no arguments; the compiler gives its linker many.
        link()
    } else if env::var_os(INNER).is_some() {
        build()
    } else {
        outer()
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not as main's result: with RUST_BACKTRACE set, the one useful line would be at the top of fifty.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prepares the environment, and passes on the second process's output to cargo.
fn outer() -> Result<()> {
    println!("cargo:rerun-if-env-changed=NETMON_EBPF_TOOLCHAIN");
    let tools = tools();
    let mut path = Vec::new();
    let mut toolchain = env::var("NETMON_EBPF_TOOLCHAIN").ok();
    if let Some(tools) = &tools {
        path.push(tools.join("bin"));
        for file in ["bin/bpf-linker", "ebpf-toolchain"] {
            let file = tools.join(file);
            if file.exists() {
                println!("cargo:rerun-if-changed={}", file.display());
            }
        }
        toolchain = toolchain.or_else(|| std::fs::read_to_string(tools.join("ebpf-toolchain")).ok());
    }
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let toolchain = toolchain.or_else(|| env::var("RUSTUP_TOOLCHAIN").ok()).unwrap_or_default();
    second_process(&env::join_paths(path)?, toolchain.trim())
}

/// Returns the directory that `cargo xtask` keeps its tools in: beside the profiles, in the target directory.
fn tools() -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    out.ancestors().map(|folder| folder.join("tools")).find(|tools| tools.join("bin").is_dir())
}

fn second_process(path: &OsString, toolchain: &str) -> Result<()> {
    let own = env::current_exe()?;
    let mut child = Command::new(&own)
        .env(INNER, "1")
        .envs(LINKERS.map(|variable| (variable, &own)))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("PATH", path)
        .env("NETMON_EBPF_TOOLCHAIN", toolchain)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the second process of the build script")?;
    let output = child.stdout.take().context("the second process has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if !is_progress(&line) {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    if !status.success() {
        // It said why.
        exit(status.code().unwrap_or(1));
    }
    Ok(())
}

/// Cargo's progress would come out as warnings, at every build of the object.
fn is_progress(line: &str) -> bool {
    const PROGRESS: [&str; 7] =
        ["Blocking", "Compiling", "Downloaded", "Downloading", "Finished", "Locking", "Updating"];
    line.strip_prefix("cargo:warning=")
        .is_some_and(|text| PROGRESS.iter().any(|word| text.trim_start().starts_with(word)))
}

fn build() -> Result<()> {
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../netmon-ebpf");
    let toolchain = env::var("NETMON_EBPF_TOOLCHAIN").unwrap_or_default();
    if !is_skipped() {
        check_linker()?;
    }
    aya_build::build_ebpf(
        [Package { name: "netmon-ebpf", root_dir, features: &["programs"], ..Package::default() }],
        Toolchain::Custom(&toolchain),
    )
    .context(
        "the eBPF object did not build. If it is rust-src or a linker that lacks or does not understand the \
         compiler's bitcode: `cargo xtask build` provides them, and `cargo xtask doctor` says what is there",
    )
}

/// Executes bpf-linker, with another instruction set than the compiler requests. `-Ctarget-cpu` would make the compiler
/// request this one, but aya-build leaves no room for another flag.
fn link() -> Result<()> {
    let ours = |argument: OsString| if argument == "generic" { CPU.into() } else { argument };
    let error = Command::new("bpf-linker").args(env::args_os().skip(1).map(ours)).exec();
    Err(error).context("cannot run bpf-linker")
}

/// Returns whether aya-build's own switch is set, which it also reports itself.
fn is_skipped() -> bool {
    println!("cargo:rerun-if-env-changed=AYA_BUILD_SKIP");
    env::var("AYA_BUILD_SKIP").is_ok_and(|skip| skip == "1" || skip.eq_ignore_ascii_case("true"))
}

/// Without a linker cargo would fail after half a minute, with a message about `cc`.
fn check_linker() -> Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|folder| Path::new(&folder).join("bpf-linker").is_file()) {
        bail!("there is no bpf-linker: run `cargo xtask build`, which provides what the eBPF object needs");
    }
    Ok(())
}
