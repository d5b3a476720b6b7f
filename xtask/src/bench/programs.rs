//! Builds `netmon-bench` and the `netmon` that it starts, and runs them as root.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::Bench;
use crate::{build, cargo, ebpf, process, root::Access, test};

/// The name of the measuring binary.
pub(super) const BENCH: &str = "netmon-bench";

/// Both programs of one commit.
#[derive(Debug)]
pub(super) struct Programs {
    /// The measuring program. Most of its figures are of the library that it links.
    pub(super) bench: PathBuf,
    /// The program that some benchmarks start, as users do.
    pub(super) netmon: PathBuf,
    /// The unpacked container runtimes. `None` if the benchmark starts none.
    pub(super) runtimes: Option<PathBuf>,
}

impl Programs {
    /// Builds the programs of this tree.
    pub(super) fn of_this_tree() -> Result<Self> {
        Ok(Self { netmon: build::netmon(true)?, bench: built(true)?, runtimes: None })
    }

    /// Runs a benchmark, which prints its result.
    pub(super) fn run(&self, bench: &Bench) -> Result<()> {
        let mut command = self.command()?;
        process::run(command.args(bench.arguments()).args(bench.json().then_some("--json")))
    }

    /// Runs a benchmark and returns its output.
    pub(super) fn output(&self, bench: &Bench, json: bool) -> Result<String> {
        process::output(self.command()?.args(bench.arguments()).args(json.then_some("--json")))
    }

    /// Returns whether the program can print a benchmark as JSON, from the usage that it prints without arguments.
    pub(super) fn has_json(&self, bench: &Bench) -> bool {
        let usage = Command::new(&self.bench).output().map(|output| output.stderr).unwrap_or_default();
        usage_has_json(&String::from_utf8_lossy(&usage), bench.name())
    }

    /// Returns a command that runs the measuring program as root and tells it the path of netmon.
    fn command(&self) -> Result<Command> {
        // sudo keeps only the variables that it is told to keep, so `env` sets it, which works for root as well.
        let mut command = Access::detect().command(Path::new("/usr/bin/env"))?;
        command.arg(format!("{}={}", test::BINARY, self.netmon.display()));
        let runtimes = self.runtimes.iter().map(|folder| format!("{}={}", test::RUNTIMES, folder.display()));
        command.args(runtimes).arg(&self.bench);
        Ok(command)
    }
}

/// Prints the verifier's instruction count of each eBPF program, and how long they take to load.
pub(crate) fn verify() -> Result<()> {
    ebpf::ensure()?;
    process::run(Access::detect().command(&built(false)?)?.arg("programs"))
}

fn built(release: bool) -> Result<PathBuf> {
    let args: &[&str] = if release { &["--bin", BENCH, "--release"] } else { &["--bin", BENCH] };
    cargo::built("build", BENCH, args)
}

/// Parses `usage: netmon-bench observer PAIRS FLOW_ENTRIES | datapath [--json] | ..`.
fn usage_has_json(usage: &str, bench: &str) -> bool {
    let mut forms =
        usage.split('|').map(|form| form.split_once("netmon-bench ").map_or(form, |(_, form)| form));
    forms.any(|form| form.split_whitespace().next() == Some(bench) && form.contains("[--json]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_tells_which_benchmarks_print_json() {
        let usage = "Error: usage: netmon-bench observer PAIRS FLOW_ENTRIES | datapath [--json] | veth PAIRS [--json]";
        assert!(!usage_has_json(usage, "observer"));
        assert!(usage_has_json(usage, "datapath"));
        assert!(usage_has_json(usage, "veth"));
        assert!(!usage_has_json(usage, "topology"));
    }
}
