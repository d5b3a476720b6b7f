//! The dashboard queries only series and labels that exist. A misspelt one would show an empty panel.

use serde_json::Value;

use super::super::names::{self, Metric, MetricKind};

const DASHBOARD: &str = include_str!("../../../../dashboards/netmon.json");

/// Returns every query in the dashboard, of panels and of variables.
fn queries(json: &Value) -> Vec<String> {
    match json {
        Value::Array(items) => items.iter().flat_map(queries).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if ["expr", "query", "definition"].contains(&name.as_str()) => {
                    vec![text.clone()]
                }
                _ => queries(value),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the metric that has a series of this name.
fn metric_of(series: &str) -> Option<&'static Metric> {
    names::ALL.iter().find(|metric| match metric.kind {
        MetricKind::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| series.strip_suffix(suffix).is_some_and(|name| name == metric.name)),
        MetricKind::Counter | MetricKind::Gauge => metric.name == series,
    })
}

/// Returns netmon's series in a query, each with the labels that it is selected by.
fn selected(query: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find("netmon_") {
        let name: String = rest[at..].chars().take_while(|&c| is_word(c)).collect();
        rest = &rest[at + name.len()..];
        let matchers = rest.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or("");
        let labels = matchers.split(',').map(|matcher| matcher.chars().take_while(|&c| is_word(c)).collect());
        found.push((name, labels.filter(|label: &String| !label.is_empty()).collect()));
    }
    found
}

#[test]
fn every_series_and_label_in_the_dashboard_exists() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let queries = queries(&dashboard);
    assert!(queries.len() > 20, "{}", queries.len());
    for query in queries {
        for (series, labels) in selected(&query) {
            let metric = metric_of(&series).unwrap_or_else(|| panic!("no series {series}: {query}"));
            for label in labels {
                assert!(metric.labels.contains(&label.as_str()), "{series} has no label {label}: {query}");
            }
        }
    }
}

#[test]
fn every_panel_uses_the_data_source_variable_and_has_a_unit_and_a_description() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut ids = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        ids.push(panel["id"].as_u64().unwrap());
        if panel["type"] == "row" {
            continue;
        }
        let title = panel["title"].as_str().unwrap();
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{title}");
        let unit = if panel["type"] == "heatmap" {
            &panel["options"]["yAxis"]
        } else {
            &panel["fieldConfig"]["defaults"]
        };
        assert!(unit["unit"].is_string(), "{title}");
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "panel ids are unique");
}
