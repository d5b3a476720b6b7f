//! The rules of Grafana's dashboard-linter that apply to netmon's dashboards.
//!
//! A dashboard is imported into a Grafana that its author has never seen: with other data sources, other scrape
//! intervals, and other agents in the same Prometheus. These rules are what makes it show the right series there.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    super::{Finding, tree::Tree},
    FOLDER,
    promql::{self, Selector},
};

/// The data source of everything but Grafana's own annotations.
const SOURCE: &str = "${datasource}";
/// Variables that every selector has.
const SCOPE: [&str; 2] = ["job", "instance"];
/// Grafana's names of the units that are used.
const UNITS: [&str; 11] =
    ["none", "short", "s", "ns", "pps", "cps", "reqps", "Bps", "bytes", "percentunit", "bool_yes_no"];
/// What may be done with a counter.
const OF_COUNTERS: [&str; 4] = ["rate", "irate", "increase", "changes"];
/// The range of every rate, which Grafana derives from the scrape interval.
const RANGE: &str = "$__rate_interval";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut uids = BTreeSet::new();
    for file in tree.under(FOLDER, ".json") {
        let json: Value =
            serde_json::from_str(&file.text).with_context(|| format!("{} is not JSON", file.path))?;
        let mut faults = of_dashboard(&json);
        if !uids.insert(json["uid"].as_str().unwrap_or_default().to_owned()) {
            faults.push("has the `uid` of another dashboard".to_owned());
        }
        findings.extend(faults.into_iter().map(|fault| Finding::new(&file.path, 0, fault)));
    }
    Ok(findings)
}

fn of_dashboard(json: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    require(json["editable"] == false, "is editable: a change would be lost");
    require(is_text(&json["uid"]) && is_text(&json["title"]), "has no `uid` or no title");
    require(json["id"].is_null(), "has an `id`, which belongs to one Grafana");
    require(json["__inputs"].is_null(), "has `__inputs`, which provisioning does not resolve");
    require(json["graphTooltip"] != 0, "has no shared crosshair");
    faults.extend(of_variables(json));
    for annotation in list(&json["annotations"]["list"]).iter().filter(|one| one["builtIn"] != 1) {
        faults.extend(of_query(
            &annotation["expr"],
            &annotation["datasource"],
            "annotation",
            &annotation["name"],
        ));
    }
    let panels = list(&json["panels"]);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    if ids.len() != panels.len() || ids.contains(&None) {
        faults.push("has panels without an `id` of their own".to_owned());
    }
    faults.extend(panels.iter().filter(|panel| panel["type"] != "row").flat_map(of_panel));
    faults
}

fn of_variables(json: &Value) -> Vec<String> {
    let variables = list(&json["templating"]["list"]);
    let mut faults = Vec::new();
    let is_source = |variable: &&Value| variable["type"] == "datasource" && variable["query"] == "prometheus";
    if variables.first().filter(is_source).is_none_or(|one| one["name"] != "datasource") {
        faults.push("its first variable is not `datasource`, of a Prometheus".to_owned());
    }
    for name in SCOPE {
        if variables.iter().all(|variable| variable["name"] != name) {
            faults.push(format!("has no variable `{name}`"));
        }
    }
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let is_whole =
            variable["multi"] == true && variable["allValue"] == ".+" && is_text(&variable["label"]);
        if !is_whole || variable["datasource"]["uid"] != SOURCE {
            faults.push(format!(
                "variable {}: no label, no choice of several, or another data source",
                variable["name"]
            ));
        }
        if variable["refresh"] != 2 {
            faults
                .push(format!("variable {} is not read again when the time range changes", variable["name"]));
        }
    }
    faults
}

fn of_panel(panel: &Value) -> Vec<String> {
    let title = &panel["title"];
    let mut faults = Vec::new();
    if !is_text(title) || !is_text(&panel["description"]) {
        faults.push(format!("panel {title}: no title or no description"));
    }
    let unit = match panel["type"].as_str() {
        Some("heatmap") => &panel["options"]["yAxis"]["unit"],
        _ => &panel["fieldConfig"]["defaults"]["unit"],
    };
    if !unit.as_str().is_some_and(|unit| UNITS.contains(&unit)) {
        faults.push(format!("panel {title}: {unit} is no unit of Grafana's"));
    }
    if panel["datasource"]["uid"] != SOURCE {
        faults.push(format!("panel {title}: its data source is not the variable"));
    }
    let targets = list(&panel["targets"]);
    if targets.is_empty() {
        faults.push(format!("panel {title}: no query"));
    }
    for target in targets {
        faults.extend(of_query(&target["expr"], &target["datasource"], "panel", title));
    }
    faults
}

/// Checks a query of a panel or of an annotation, whose `name` is for the message.
fn of_query(expr: &Value, source: &Value, what: &str, name: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if source["uid"] != SOURCE {
        faults.push(format!("{what} {name}: the data source of a query is not the variable"));
    }
    match promql::read(expr.as_str().unwrap_or_default()) {
        Ok(read) if read.selectors.is_empty() => {
            faults.push(format!("{what} {name}: a query without a series"));
        }
        // What cannot be read is a finding of the rule for names.
        Err(_) => {}
        Ok(read) => {
            let of_selectors = read.selectors.iter().flat_map(of_selector);
            faults.extend(of_selectors.map(|fault| format!("{what} {name}: {fault}")));
        }
    }
    faults
}

fn of_selector(selector: &Selector) -> Vec<String> {
    let Selector { name, matchers, range, function } = selector;
    let mut faults = Vec::new();
    for scope in SCOPE {
        let wanted = (scope.to_owned(), format!("${scope}"));
        if !matchers.contains(&wanted) {
            faults.push(format!("{name} is not selected by {scope}=~\"${scope}\""));
        }
    }
    if range.as_ref().is_some_and(|range| range != RANGE) {
        faults.push(format!("{name} is read over a range other than {RANGE}"));
    }
    if name.ends_with("_total") && !OF_COUNTERS.contains(&function.as_str()) {
        faults.push(format!("{name} is a counter, and not within a rate"));
    }
    faults
}

fn list(json: &Value) -> &[Value] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_text(json: &Value) -> bool {
    json.as_str().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A dashboard with one panel, which keeps every rule.
    fn good() -> Value {
        let source = json!({ "type": "prometheus", "uid": "${datasource}" });
        let variable = |name: &str| {
            json!({ "name": name, "label": "A", "type": "query", "datasource": source, "multi": true,
                    "allValue": ".+", "refresh": 2 })
        };
        let scope = "{job=~\"$job\",instance=~\"$instance\"}";
        json!({
            "uid": "a", "title": "A", "editable": false, "graphTooltip": 1,
            "templating": { "list": [
                { "name": "datasource", "type": "datasource", "query": "prometheus" },
                variable("job"), variable("instance"),
            ] },
            "annotations": { "list": [{ "builtIn": 1 }] },
            "panels": [{
                "id": 1, "type": "timeseries", "title": "P", "description": "D", "datasource": source,
                "fieldConfig": { "defaults": { "unit": "pps" } },
                "targets": [{ "datasource": source, "expr": format!("rate(a_total{scope}[$__rate_interval])") }],
            }],
        })
    }

    /// Changes the value at a JSON pointer.
    fn with(pointer: &str, value: Value) -> Value {
        let mut json = good();
        *json.pointer_mut(pointer).expect("a place") = value;
        json
    }

    #[test]
    fn a_dashboard_that_keeps_every_rule_passes() {
        assert_eq!(of_dashboard(&good()), [""; 0]);
    }

    #[test]
    fn each_broken_rule_is_one_finding() {
        let expr = "/panels/0/targets/0/expr";
        let broken = [
            ("/editable", json!(true)),
            ("/uid", json!("")),
            ("/graphTooltip", json!(0)),
            ("/templating/list/0/name", json!("ds")),
            ("/templating/list/1/name", json!("work")),
            ("/templating/list/1/multi", json!(false)),
            ("/templating/list/2/refresh", json!(1)),
            ("/panels/0/id", json!(null)),
            ("/panels/0/description", json!("")),
            ("/panels/0/fieldConfig/defaults/unit", json!("packets")),
            ("/panels/0/datasource/uid", json!("prometheus")),
            ("/panels/0/targets", json!([])),
            ("/panels/0/targets/0/datasource/uid", json!("prometheus")),
            (expr, json!("1 + 1")),
            (expr, json!("rate(a_total{job=~\"$job\"}[$__rate_interval])")),
            (expr, json!("rate(a_total{job=~\"$job\",instance=~\"$instance\"}[5m])")),
            (expr, json!("sum(a_total{job=~\"$job\",instance=~\"$instance\"})")),
        ];
        for (pointer, value) in broken {
            let found = of_dashboard(&with(pointer, value.clone()));
            assert_eq!(found.len(), 1, "{pointer} = {value}: {found:?}");
        }
    }

    #[test]
    fn two_dashboards_of_one_uid_are_found() {
        let text = good().to_string();
        let tree = Tree::of(&[("dashboards/a.json", &text), ("dashboards/b.json", &text)]);
        let found: Vec<_> = check(&tree).expect("checked").into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["dashboards/b.json"]);
    }
}
