//! Encodes a panel.

use serde_json::{Value, json};

use super::{
    super::panel::{Drill, Judgement, Kind, Panel, Target},
    datasource,
};

/// Encodes a heading.
pub(super) fn row(id: u32, title: &str, place: &Value) -> Value {
    json!({ "id": id, "type": "row", "title": title, "gridPos": place, "collapsed": false, "panels": [] })
}

/// Encodes a panel at its place.
pub(super) fn panel(panel: &Panel, place: &Value) -> Value {
    let (kind, options, config) = match panel.kind {
        Kind::Stat(judgement) => ("stat", stat_options(judgement), stat_config(judgement, panel)),
        Kind::Lines => ("timeseries", line_options(), line_config(panel)),
        Kind::HeatMap => ("heatmap", heat_options(panel), heat_config()),
        Kind::Table => ("table", table_options(), table_config(panel)),
    };
    let targets: Vec<Value> =
        panel.targets.iter().enumerate().map(|(index, one)| target(index, one, panel.kind)).collect();
    let transformations = if panel.kind == Kind::Table { table_columns() } else { Vec::new() };
    json!({
        "id": panel.id,
        "type": kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": datasource(),
        "gridPos": place,
        "fieldConfig": { "defaults": config, "overrides": [] },
        "options": options,
        "targets": targets,
        "transformations": transformations,
    })
}

/// Encodes a query. Queries are called A, B, C.
fn target(index: usize, target: &Target, kind: Kind) -> Value {
    let letter = u8::try_from(index).map_or('Z', |index| char::from(b'A' + index.min(25)));
    let instant = matches!(kind, Kind::Table | Kind::Stat(_));
    json!({
        "refId": letter.to_string(),
        "datasource": datasource(),
        "editorMode": "code",
        "expr": target.expr,
        "legendFormat": target.legend,
        "format": match kind {
            Kind::HeatMap => "heatmap",
            Kind::Table => "table",
            Kind::Stat(_) | Kind::Lines => "time_series",
        },
        "instant": instant,
        "range": !instant,
    })
}

fn line_options() -> Value {
    json!({
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "calcs": ["lastNotNull", "max"],
            "showLegend": true,
        },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}

fn line_config(panel: &Panel) -> Value {
    let mut config = json!({
        "unit": panel.unit,
        "custom": {
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 8,
            "showPoints": "auto",
            "spanNulls": false,
            "axisLabel": "",
        },
        "color": { "mode": "palette-classic" },
    });
    if let Some(drill) = panel.leads_to {
        config["links"] = json!([drilled(drill, "__field.labels.")]);
    }
    config
}

fn stat_options(judgement: Judgement) -> Value {
    json!({
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
        "orientation": "auto",
        "textMode": if judgement == Judgement::Name { "name" } else { "value" },
        "colorMode": if judges(judgement) { "background" } else { "value" },
        "graphMode": "none",
        "justifyMode": "auto",
    })
}

fn judges(judgement: Judgement) -> bool {
    matches!(judgement, Judgement::YesIsGood | Judgement::ZeroIsGood)
}

fn stat_config(judgement: Judgement, panel: &Panel) -> Value {
    let step = |color: &str, value: Option<u32>| json!({ "color": color, "value": value });
    let steps = match judgement {
        Judgement::Neutral | Judgement::Name => vec![step("blue", None)],
        Judgement::YesIsGood => vec![step("red", None), step("green", Some(1))],
        Judgement::ZeroIsGood => vec![step("green", None), step("red", Some(1))],
    };
    let mut config = json!({
        "unit": panel.unit,
        "color": { "mode": "thresholds" },
        "thresholds": { "mode": "absolute", "steps": steps },
    });
    if judgement == Judgement::YesIsGood {
        let said =
            |text: &str, color: &str, index: u32| json!({ "text": text, "color": color, "index": index });
        let options = json!({ "0": said("no", "red", 0), "1": said("yes", "green", 1) });
        config["mappings"] = json!([{ "type": "value", "options": options }]);
    }
    if let Some(drill) = panel.leads_to {
        config["links"] = json!([drilled(drill, "__field.labels.")]);
    }
    config
}

fn heat_options(panel: &Panel) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "cellValues": { "unit": "short" },
        "color": {
            "mode": "scheme",
            "scheme": "Turbo",
            "steps": 64,
            "exponent": 0.5,
            "fill": "dark-orange",
            "scale": "exponential",
            "reverse": false,
        },
        "exemplars": { "color": "rgba(255,0,255,0.7)" },
        "filterValues": { "le": 1e-9 },
        "legend": { "show": true },
        "rowsFrame": { "layout": "auto" },
        "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": true },
        "yAxis": { "axisPlacement": "left", "reverse": false, "unit": panel.unit },
    })
}

fn heat_config() -> Value {
    json!({
        "custom": {
            "hideFrom": { "legend": false, "tooltip": false, "viz": false },
            "scaleDistribution": { "type": "log", "log": 2 },
        },
    })
}

fn table_options() -> Value {
    json!({
        "showHeader": true,
        "cellHeight": "sm",
        "footer": { "show": false, "reducer": ["sum"], "countRows": false },
        "sortBy": [{ "displayName": "Value", "desc": true }],
    })
}

fn table_config(panel: &Panel) -> Value {
    let mut config = json!({
        "unit": panel.unit,
        "color": { "mode": "thresholds" },
        "thresholds": { "mode": "absolute", "steps": [{ "color": "text", "value": null }] },
        "custom": { "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false },
    });
    if let Some(drill) = panel.leads_to {
        config["links"] = json!([drilled(drill, "__data.fields.")]);
    }
    config
}

/// Returns the transformation that leaves the labels and the value.
fn table_columns() -> Vec<Value> {
    let options = json!({ "excludeByName": { "Time": true }, "indexByName": {}, "renameByName": {} });
    vec![json!({ "id": "organize", "options": options })]
}

/// Returns a link from a series, or from a line of a table, to another dashboard. `label` is how the labels are named
/// there.
fn drilled(drill: Drill, label: &str) -> Value {
    let variables: Vec<String> =
        drill.variables.iter().map(|(name, from)| format!("&var-{name}=${{{label}{from}}}")).collect();
    let url =
        format!("/d/{}?${{__url_time_range}}&${{datasource:queryparam}}{}", drill.uid, variables.join(""));
    json!({ "title": drill.title, "url": url, "targetBlank": false })
}
