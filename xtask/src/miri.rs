//! `cargo xtask miri`: runs tests in Miri, which finds undefined behaviour and reads beyond a buffer.
//!
//! Miri makes few system calls, so only what is pure is run: the library that the eBPF programs share with the agent, and
//! the parsing of what the kernel sent.

use anyhow::Result;

use crate::{
    cargo,
    nightly::{self, NIGHTLY},
    process,
};

const COMPONENTS: [(&str, &str); 2] =
    [("miri", "bin/cargo-miri"), ("rust-src", "lib/rustlib/src/rust/library/core/src/lib.rs")];

/// What runs: the arguments of `cargo miri test`, and those of the tests.
const RUNS: [(&[&str], &[&str]); 2] = [
    // The model of TCP streams takes longer than all others together.
    (&["-p", "netmon-ebpf", "--lib", "--test", "host"], &["--skip", "stream_model"]),
    (
        &["-p", "netmon-kernel", "--lib"],
        &[
            "netlink::fuzz",
            "netlink::ipv6",
            "netlink::netem",
            "netlink::route",
            "netlink::socket",
            "netlink::tbf",
            "pins::fuzz",
            "pins::name",
            "proc::mounts",
            "sys::insn",
        ],
    ),
];

/// Runs them.
pub(crate) fn run() -> Result<()> {
    nightly::require(&COMPONENTS, "Miri")?;
    for (arguments, tests) in RUNS {
        let mut command = cargo::command_of(NIGHTLY)?;
        command.args(["miri", "test", "--locked"]).args(arguments).arg("--").args(tests);
        // The tests of the host read files of the tree.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation");
        process::run(&mut command)?;
    }
    Ok(())
}
