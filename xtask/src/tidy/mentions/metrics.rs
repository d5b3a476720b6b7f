//! Metrics: every name that begins with `netmon_`, except programs and crates.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Known, Tree};
use crate::tidy::metrics;

/// Names that are no metrics: programs, as the label `program` has them, and a crate.
const OTHERS: [&str; 4] = ["netmon_in", "netmon_out", "netmon_drop", "netmon_tests"];

pub(super) struct Series(BTreeSet<String>);

impl Series {
    pub(super) fn new(tree: &Tree) -> Result<Self> {
        let known = metrics::known(tree)?.unwrap_or_default();
        let mut series = metrics::series(&known);
        series.extend(known.into_keys());
        Ok(Self(series))
    }
}

/// Returns whether a word may be a metric. Packages are files such as `netmon_1.0_amd64.deb`.
fn is_name(word: &str) -> bool {
    let rest = word.strip_prefix("netmon_").unwrap_or_default();
    !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

impl Known for Series {
    fn missing(&self, code: &str) -> Vec<String> {
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words
            .filter(|word| is_name(word) && !OTHERS.contains(word) && !self.0.contains(*word))
            .map(|word| format!("there is no metric `{word}`"))
            .collect()
    }
}
