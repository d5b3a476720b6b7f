//! `cargo xtask bench`: measurements that take longer than a test should, and whose result is a figure.
//!
//! One file a benchmark. Each builds what it needs by itself and prints its figure with the conditions.

use anyhow::Result;
use clap::Subcommand;

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {}

/// Runs one.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match *bench {}
}
