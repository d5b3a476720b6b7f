//! Dashboards and Prometheus rules query only series that exist: a panel with a misspelt name stays empty and looks
//! like a quiet network.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    Finding, metrics,
    tree::{File, Tree},
};

/// Their folder.
const FOLDER: &str = "dashboards/";
/// The fields of a Grafana dashboard that hold queries.
const QUERIES: [&str; 3] = ["expr", "query", "definition"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let series = metrics::known(tree)?.map(|known| metrics::series(&known)).unwrap_or_default();
    let mut findings = Vec::new();
    for file in tree.under(FOLDER, ".json") {
        let json = serde_json::from_str(&file.text).with_context(|| format!("{} is not JSON", file.path))?;
        let mut queries = Vec::new();
        collect(&json, &mut queries);
        findings.extend(unknown(file, &queries.join("\n"), &series));
    }
    for file in tree.under(FOLDER, ".yml") {
        findings.extend(unknown(file, &file.text, &series));
    }
    Ok(findings)
}

/// Collects every query of a dashboard, at any depth.
fn collect(json: &Value, queries: &mut Vec<String>) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if QUERIES.contains(&name.as_str()) => queries.push(text.clone()),
                    _ => collect(value, queries),
                }
            }
        }
        _ => {}
    }
}

/// Returns a finding for each metric of netmon in `queries` that no scrape has.
fn unknown(file: &File, queries: &str, series: &BTreeSet<String>) -> Vec<Finding> {
    let names: BTreeSet<&str> = queries
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with("netmon_"))
        .collect();
    names
        .into_iter()
        .filter(|name| !series.contains(*name))
        .map(|name| {
            let line = file.text.lines().position(|line| line.contains(name)).unwrap_or_default() + 1;
            Finding::new(&file.path, line, format!("there is no series `{name}`"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "const A: Metric = Metric { name: \"netmon_packets_total\", kind: Kind::Counter };\n";
    const NAMES: &str = "netmon/src/metrics/names.rs";

    #[test]
    fn a_query_for_a_series_that_exists_passes() {
        let json = r#"{"title": "netmon_anything", "panels": [{"targets": [
            {"expr": "rate(netmon_packets_total{link=\"$link\"}[1m])"}]}]}"#;
        assert_eq!(check(&Tree::of(&[(NAMES, CODE), ("dashboards/n.json", json)])).expect("checked"), []);
    }

    #[test]
    fn a_query_for_nothing_is_found() {
        let json = "{\"panels\": [\n{\"expr\": \"netmon_packets\"}]}";
        let yml = "rules:\n  - expr: rate(netmon_lost_total[1m])\n";
        let tree = Tree::of(&[(NAMES, CODE), ("dashboards/n.json", json), ("dashboards/r.yml", yml)]);
        let found: Vec<_> = check(&tree).expect("checked").into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(found, [("dashboards/n.json".to_owned(), 2), ("dashboards/r.yml".to_owned(), 2)]);
    }
}
