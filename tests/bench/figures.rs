//! Medians with their spread, and what else the machine was doing.

use std::fmt;

use serde_json::{Value, json};

/// The middle of several runs, and how far they lay apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Figure {
    /// Computes the figure of `runs`, of which there must be at least one.
    pub(crate) fn of(mut runs: Vec<f64>) -> Self {
        runs.sort_unstable_by(f64::total_cmp);
        let middle = runs.len() / 2;
        let median = if runs.len().is_multiple_of(2) {
            f64::midpoint(runs[middle - 1], runs[middle])
        } else {
            runs[middle]
        };
        Self { median, lowest: runs[0], highest: runs[runs.len() - 1] }
    }

    /// Returns it as JSON, in the unit of the runs.
    pub(crate) fn json(self) -> Value {
        json!({ "median": self.median, "lowest": self.lowest, "highest": self.highest })
    }

    /// Returns a figure in nanoseconds as JSON, with the unit in the keys.
    pub(crate) fn json_ns(self) -> Value {
        json!({ "median_ns": self.median, "lowest_ns": self.lowest, "highest_ns": self.highest })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} ({:.1} to {:.1})", self.median, self.lowest, self.highest))
    }
}

/// Kernel, processors and load, for the line under a table.
pub(crate) fn conditions() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let release = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("Linux {}, {cpus} processors, load average {load}", release.trim())
}
