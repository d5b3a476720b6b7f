//! Dashboards, Prometheus rules and the compose file: what Grafana and Prometheus would accept, and show nothing for.
//!
//! A panel with a misspelt name stays empty and looks like a quiet network; an alert on a series that does not exist
//! never fires. So every query is read here, and every name in it has to exist.

mod compose;
mod generated;
mod labels;
mod lint;
mod names;
mod promql;
mod rules;
mod yaml;

use anyhow::Result;

use super::{Finding, tree::Tree};

/// Their folder.
const FOLDER: &str = "dashboards/";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let checks = [names::check, labels::check, lint::check, rules::check, compose::check, generated::check];
    let mut findings = Vec::new();
    for check in checks {
        findings.extend(check(tree)?);
    }
    Ok(findings)
}

/// Returns the line of the first occurrence of `what`, or 1.
fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).unwrap_or_default() + 1
}
