//! What all dashboards have around their panels: variables, links to one another, and annotations.

use serde_json::{Value, json};

use super::{
    super::{names, query},
    TAG, datasource,
};

/// Returns the variables, in the order in which they depend on one another. `shown` are those of `netns` and `link` that
/// this dashboard uses; a hidden one is carried along to the next dashboard.
pub(super) fn variables(shown: &[&str]) -> Vec<Value> {
    let lab = names::LAB_INFO.name;
    let up = names::ENDPOINT_UP.name;
    let scope = "job=~\"$job\",instance=~\"$instance\"";
    vec![
        source(),
        queried("job", "Job", &format!("label_values({}, job)", names::BUILD_INFO.name), true),
        queried("lab", "Lab", &format!("label_values({lab}{{job=~\"$job\"}}, lab)"), true),
        queried(
            "instance",
            "Instance",
            &format!("label_values({lab}{{job=~\"$job\",lab=~\"$lab\"}}, instance)"),
            true,
        ),
        queried(
            "netns",
            "Namespace",
            &format!("label_values({up}{{{scope}}}, netns)"),
            shown.contains(&"netns"),
        ),
        queried(
            "link",
            "Link",
            &format!("label_values({up}{{{scope},netns=~\"$netns\"}}, link)"),
            shown.contains(&"link"),
        ),
    ]
}

/// Returns the variable of the data source. It is resolved when the dashboard is imported and when it is provisioned;
/// `__inputs` is resolved only by the former.
fn source() -> Value {
    json!({
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
    })
}

fn queried(name: &str, label: &str, query: &str, is_shown: bool) -> Value {
    json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource(),
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "includeAll": true,
        "allValue": ".+",
        "multi": true,
        "options": [],
        // When the time range changes: links come and go.
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "hide": if is_shown { 0 } else { 2 },
        "skipUrlSync": false,
    })
}

/// Returns the link to netmon's other dashboards, which carries the time and all variables.
pub(super) fn links() -> Value {
    json!({
        "title": "netmon",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": false,
        "includeVars": true,
        "keepTime": true,
        "targetBlank": false,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    })
}

/// Returns the annotations: Grafana's own, reloads of the lab, starts of the agent, and netmon's alerts.
pub(super) fn annotations() -> Vec<Value> {
    let own = json!({
        "builtIn": 1,
        "datasource": { "type": "grafana", "uid": "-- Grafana --" },
        "enable": true,
        "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    });
    let applied = query::select(names::LAB_APPLIED, "");
    let started = query::series("process_start_time_seconds", "");
    let firing = "alertname=~\"Netmon.*\",alertstate=\"firing\"";
    vec![
        own,
        annotation("Reloads", "blue", &changed(&applied), "lab {{lab}} was applied"),
        annotation("Agent starts", "purple", &changed(&started), "netmon started"),
        annotation("Alerts", "red", &query::series("ALERTS", firing), "{{alertname}}"),
    ]
}

/// Selects a time stamp while it has just changed.
fn changed(selection: &str) -> String {
    format!("changes({selection}[$__rate_interval]) > 0")
}

fn annotation(name: &str, color: &str, expr: &str, title: &str) -> Value {
    json!({
        "name": name,
        "datasource": datasource(),
        "enable": true,
        "hide": false,
        "iconColor": color,
        "expr": expr,
        "titleFormat": title,
        "textFormat": "{{instance}}",
        "tagKeys": "instance",
    })
}
