//! Dashboards and rules query only series that exist: those of a scrape, of Prometheus, and of the recording rules.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    super::{
        Finding, metrics,
        tree::{File, Tree},
    },
    FOLDER, line_of, promql, rules, yaml,
};

/// Series that Prometheus makes itself.
const OF_PROMETHEUS: [&str; 3] = ["up", "scrape_duration_seconds", "ALERTS"];
/// The beginning of those that the agent has of its own process.
const OF_THE_PROCESS: &str = "process_";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut known = metrics::known(tree)?.map(|known| metrics::series(&known)).unwrap_or_default();
    known.extend(rules::recorded(tree)?);
    known.extend(OF_PROMETHEUS.map(str::to_owned));
    let mut findings = Vec::new();
    for file in tree.under(FOLDER, ".json") {
        let json = serde_json::from_str(&file.text).with_context(|| format!("{} is not JSON", file.path))?;
        findings.extend(unknown(file, &collected(&json, &["expr", "query"]), &known));
    }
    for file in tree.under(FOLDER, ".yaml") {
        findings.extend(unknown(file, &collected(&yaml::read(file)?, &["expr", "series"]), &known));
    }
    Ok(findings)
}

/// Collects the text of all fields with these names, at any depth.
pub(super) fn collected(json: &Value, fields: &[&str]) -> Vec<String> {
    match json {
        Value::Array(items) => items.iter().flat_map(|item| collected(item, fields)).collect(),
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if fields.contains(&name.as_str()) => vec![text.clone()],
                _ => collected(value, fields),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns a finding for each query that cannot be read, and for each series that does not exist.
fn unknown(file: &File, queries: &[String], known: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for query in queries {
        let first = query.lines().next().unwrap_or_default();
        match promql::read(label_values(query)) {
            Err(fault) => {
                findings.push(Finding::new(
                    &file.path,
                    line_of(&file.text, first),
                    format!("{fault}: {query}"),
                ));
            }
            Ok(expression) => {
                let missing = expression.selectors.iter().filter(|one| !exists(&one.name, known));
                findings.extend(missing.map(|one| {
                    let message = format!("there is no series `{}`", one.name);
                    Finding::new(&file.path, line_of(&file.text, &one.name), message)
                }));
            }
        }
    }
    findings
}

fn exists(name: &str, known: &BTreeSet<String>) -> bool {
    known.contains(name) || name.starts_with(OF_THE_PROCESS)
}

/// Returns the selector of Grafana's `label_values(SELECTOR, LABEL)`, or else the query itself. The query of a variable
/// for a data source is the type of that.
pub(super) fn label_values(query: &str) -> &str {
    let inside = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(", "));
    if query == "prometheus" { "" } else { inside.map_or(query, |(selector, _)| selector) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "const A: Metric = Metric { name: \"netmon_packets_total\", kind: Kind::Counter };\n";
    const NAMES: &str = "netmon/src/metrics/names.rs";

    #[test]
    fn a_query_for_a_series_that_exists_passes() {
        let json = r#"{"title": "netmon_anything", "query": "label_values(netmon_packets_total{a=\"b\"}, link)",
            "panels": [{"targets": [{"expr": "rate(netmon_packets_total{link=\"$link\"}[1m]) / up"}]}]}"#;
        assert_eq!(check(&Tree::of(&[(NAMES, CODE), ("dashboards/n.json", json)])).expect("checked"), []);
    }

    #[test]
    fn a_query_for_nothing_is_found_in_panels_rules_and_their_tests() {
        let json = "{\"panels\": [\n{\"expr\": \"netmon_packets\"}]}";
        let rules = "rules:\n  - expr: rate(netmon_lost_total[1m])\n";
        let tests = "tests:\n  - series: 'netmon_gone{a=\"b\"}'\n  - expr: sum(\n";
        let tree = Tree::of(&[
            (NAMES, CODE),
            ("dashboards/n.json", json),
            ("dashboards/rules/r.yaml", rules),
            ("dashboards/rules/r_test.yaml", tests),
        ]);
        let found: Vec<_> = check(&tree).expect("checked").into_iter().map(|f| (f.path, f.line)).collect();
        let expected =
            [("n.json", 2), ("rules/r.yaml", 2), ("rules/r_test.yaml", 2), ("rules/r_test.yaml", 3)];
        assert_eq!(found, expected.map(|(path, line)| (format!("{FOLDER}{path}"), line)));
    }

    #[test]
    fn a_recorded_series_exists() {
        let rules = "groups:\n  - rules:\n    - record: a:netmon_b:sum\n      expr: netmon_packets_total\n    \
                     - alert: A\n      expr: a:netmon_b:sum > 1\n";
        assert_eq!(
            check(&Tree::of(&[(NAMES, CODE), ("dashboards/rules/r.yaml", rules)])).expect("checked"),
            []
        );
    }
}
