//! Queries select and group by labels that exist. A matcher on a label that a series lacks selects nothing.

use anyhow::{Context as _, Result};

use super::{
    super::{
        Finding,
        tree::{File, Tree},
    },
    FOLDER, line_of,
    names::{collected, label_values},
    promql::{self, Selector},
    yaml,
};
use crate::dashboards::labels_of;

/// Labels that Prometheus adds to every series of a target, and the one of buckets.
const ALWAYS: [&str; 3] = ["job", "instance", "le"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.under(FOLDER, ".json") {
        let json = serde_json::from_str(&file.text).with_context(|| format!("{} is not JSON", file.path))?;
        findings.extend(of_file(file, &collected(&json, &["expr", "query"])));
    }
    for file in tree.under(FOLDER, ".yaml") {
        findings.extend(of_file(file, &collected(&yaml::read(file)?, &["expr", "series"])));
    }
    Ok(findings)
}

fn of_file(file: &File, queries: &[String]) -> Vec<Finding> {
    // A query that cannot be read is a finding of another rule.
    let read = queries.iter().filter_map(|query| promql::read(label_values(query)).ok());
    let mut findings = Vec::new();
    for expression in read {
        for label in expression.grouped.iter().filter(|label| !exists(label)) {
            let message = format!("no series has a label `{label}`");
            findings.push(Finding::new(&file.path, line_of(&file.text, label), message));
        }
        for (selector, label) in expression.selectors.iter().flat_map(unknown) {
            let message = format!("{} has no label `{label}`", selector.name);
            findings.push(Finding::new(&file.path, line_of(&file.text, &selector.name), message));
        }
    }
    findings
}

/// Returns the labels that a series of netmon's is selected by and does not have.
fn unknown(selector: &Selector) -> Vec<(&Selector, &str)> {
    let Some(labels) = labels_of(&selector.name) else { return Vec::new() };
    let used = selector.matchers.iter().map(|(label, _)| label.as_str());
    used.filter(|label| !ALWAYS.contains(label) && !labels.contains(label))
        .map(|label| (selector, label))
        .collect()
}

/// Returns whether any series has this label.
fn exists(label: &str) -> bool {
    ALWAYS.contains(&label) || crate::dashboards::all_labels().any(|known| known == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expr: &str) -> Vec<String> {
        let yaml = format!("expr: {expr}\n");
        let tree = Tree::of(&[("dashboards/rules/r.yaml", &yaml)]);
        check(&tree).expect("checked").into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn labels_of_the_series_and_of_the_target_pass() {
        let expr =
            "sum by (job, netns, le) (rate(netmon_icmp_rtt_seconds_bucket{link=\"a\",instance=\"b\"}[5m]))";
        assert_eq!(found(expr), [""; 0]);
    }

    #[test]
    fn labels_that_the_series_or_every_series_lacks_are_found() {
        let expr = "sum by (namespace) (netmon_endpoint_up{direction=\"egress\"})";
        let expected = ["no series has a label `namespace`", "netmon_endpoint_up has no label `direction`"];
        assert_eq!(found(expr), expected);
    }
}
