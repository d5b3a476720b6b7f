//! Encodes a dashboard as Grafana's JSON, schema 41 (Grafana 11.6 and later).
//!
//! Not editable: a change belongs in the table of panels. Nothing refers to a data source by name, so the same file can
//! be imported and provisioned.

mod draw;
mod frame;

use serde_json::{Value, json};

use super::panel::{Board, Item};

/// The columns of a dashboard.
const COLUMNS: u32 = 24;
/// The tag of all of netmon's dashboards, by which they link to one another.
const TAG: &str = "netmon";

/// Encodes a dashboard.
pub(super) fn dashboard(board: &Board) -> Value {
    json!({
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": [TAG],
        "editable": false,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "preload": false,
        "refresh": "5s",
        "schemaVersion": 41,
        "time": { "from": "now-15m", "to": "now" },
        "timepicker": { "refresh_intervals": ["1s", "5s", "10s", "30s", "1m", "5m"] },
        "timezone": "browser",
        "version": 1,
        "weekStart": "",
        "links": [frame::links()],
        "templating": { "list": frame::variables(board.shown) },
        "annotations": { "list": frame::annotations() },
        "panels": panels(&board.items),
    })
}

/// Returns a reference to the data source that the variable names.
fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// Places items from left to right, and from top to bottom.
fn panels(items: &[Item]) -> Vec<Value> {
    let (mut x, mut y, mut line) = (0, 0, 0);
    let mut placed = Vec::new();
    for item in items {
        let [width, height] = size(item);
        if x + width > COLUMNS {
            (x, y, line) = (0, y + line, 0);
        }
        let place = json!({ "x": x, "y": y, "w": width, "h": height });
        placed.push(match item {
            Item::Row(id, title) => draw::row(*id, title, &place),
            Item::Panel(panel) => draw::panel(panel, &place),
        });
        x += width;
        line = line.max(height);
    }
    placed
}

fn size(item: &Item) -> [u32; 2] {
    match item {
        Item::Row(..) => [COLUMNS, 1],
        Item::Panel(panel) => [panel.width, panel.height],
    }
}
