//! `cargo xtask ci`: the checks that CI runs, and that a developer runs before a commit.
//!
//! The cheapest check comes first, and the first failure ends the run.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::{
    book, build, cargo, dashboards, dist, ebpf, kubernetes, lint, process,
    provision::{self, Want},
    test, tidy, vm,
};

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 12] = [
    ("provide", || provision::ensure(&[Want::Ebpf, Want::Lint, Want::Peers]).map(drop)),
    ("fmt", fmt),
    ("tidy", tidy::check),
    ("dashboards", dashboards::check),
    ("book", book::run),
    ("kubernetes", kubernetes::check),
    ("ebpf", ebpf::check),
    ("lint", lint::run),
    ("release", build::check_release),
    ("packages", dist::check),
    ("test", || test::run(&[])),
    ("vm", vm::run_all),
];

/// Runs every step. None is skipped.
pub(crate) fn run() -> Result<()> {
    let mut times = Vec::new();
    for (name, step) in STEPS {
        eprintln!("xtask: == {name}");
        let start = Instant::now();
        step().with_context(|| format!("ci: {name}"))?;
        times.push(format!("{name} {} s", start.elapsed().as_secs()));
    }
    eprintln!("xtask: ci passed: {}", times.join(", "));
    Ok(())
}

fn fmt() -> Result<()> {
    process::run(cargo::command()?.args(["fmt", "--all", "--check"]))
}
