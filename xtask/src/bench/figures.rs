//! Extracts the figures from a benchmark's JSON: objects with a median, and numbers whose field names their unit.
//!
//! There is no list of figures: a new one in the JSON is compared as soon as both commits print it. Its name is built
//! from the fields around it.

use serde_json::{Map, Value};

/// A figure of one run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
    /// Whether a higher value is better.
    pub(super) more_is_better: bool,
    /// Whether two values are compared by difference instead of ratio, because they may be zero or negative.
    pub(super) by_difference: bool,
    /// Whether it measures a reference instead of netmon.
    pub(super) control: bool,
}

/// Fields that identify an object in a list.
const LABELS: [&str; 8] = ["namespaces", "links", "packet", "load", "what", "hook", "flows", "endpoints"];
/// Suffixes of field names that are units, with the way to print these.
const UNITS: [(&str, &str); 5] =
    [("ns", "ns"), ("us", "us"), ("ms", "ms"), ("mib", "MiB"), ("per_cent", "%")];
/// Fields that do not appear in the names of figures.
const SILENT: [&str; 1] = ["cost"];
/// Prefixes of the parts of names that mark a reference.
const CONTROLS: [&str; 7] =
    ["empty", "clock", "off", "up: reference", "up: script", "down: reference", "down: `ip netns del`"];
/// Substrings of the parts of names whose higher value is better.
const MORE_IS_BETTER: [&str; 4] = ["Gbit/s", "packets/s", "script to up", "loop to down"];

/// Returns all figures in the order of the JSON, each with a unique name.
pub(super) fn of(values: &Value) -> Vec<Figure> {
    let mut found = Vec::new();
    walk(values, &[], None, &mut found);
    for at in 1..found.len() {
        let (before, after) = found.split_at_mut(at);
        let same = before.iter().filter(|other| other.name == after[0].name).count();
        if same > 0 {
            after[0].name += &format!(" ({})", same + 1);
        }
    }
    found
}

/// Collects the figures in a value. `parts` is the name so far, `unit` the unit in the name of the field.
fn walk(value: &Value, parts: &[String], unit: Option<&'static str>, found: &mut Vec<Figure>) {
    match value {
        Value::Array(items) => {
            let mut heading = None;
            for item in items {
                walk(&under_heading(item, &mut heading), parts, unit, found);
            }
        }
        Value::Object(fields) => {
            let median = fields.get("median").or_else(|| fields.get("median_ns"));
            if let Some(value) = median.and_then(Value::as_f64) {
                let unit = unit.or_else(|| fields.contains_key("median_ns").then_some("ns"));
                found.push(figure(parts, unit.unwrap_or_default(), value));
                // A neighbour on the machine raises the median of nanoseconds, but seldom the lowest round.
                if let Some(lowest) = fields.get("lowest_ns").and_then(Value::as_f64) {
                    found.push(figure(&[parts, &["lowest".to_owned()]].concat(), "ns", lowest));
                }
                return;
            }
            let parts = [parts, &labels(fields)].concat();
            for (name, value) in fields {
                of_field(name, value, &parts, found);
            }
        }
        Value::Number(number) => {
            // A number without a unit is a parameter of the run.
            if let (Some(unit), Some(value)) = (unit, number.as_f64()) {
                found.push(figure(parts, unit, value));
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn of_field(name: &str, value: &Value, parts: &[String], found: &mut Vec<Figure>) {
    if name.starts_with("bound") {
        return;
    }
    let unit = UNITS.iter().find(|(ending, _)| name == *ending || name.ends_with(&format!("_{ending}")));
    let stem = unit.and_then(|(ending, _)| name.strip_suffix(ending)).unwrap_or(name).trim_end_matches('_');
    let is_part = !stem.is_empty() && !SILENT.contains(&stem) && !value.is_array();
    let part = is_part.then(|| stem.replace('_', " "));
    walk(value, &[parts, &Vec::from_iter(part)].concat(), unit.map(|(_, unit)| *unit), found);
}

/// In a list of rows, a row without a colon details the last row with one: prefixes its name with that row's.
fn under_heading(item: &Value, heading: &mut Option<String>) -> Value {
    let mut item = item.clone();
    if let Some(Value::String(what)) = item.get_mut("what") {
        match heading {
            _ if what.contains(':') => *heading = Some(what.clone()),
            Some(heading) => *what = format!("{heading}, {what}"),
            None => {}
        }
    }
    item
}

fn labels(fields: &Map<String, Value>) -> Vec<String> {
    let label = |name: &str| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Bool(on) => Some(format!("{name} {}", if *on { "on" } else { "off" })),
        Value::Number(number) => Some(format!("{number} {name}")),
        _ => None,
    };
    LABELS.iter().filter_map(|name| label(name)).collect()
}

fn figure(parts: &[String], unit: &'static str, value: f64) -> Figure {
    let is_difference = |part: &String| part == "difference" || part == "above clock";
    let by_difference = unit == "%" || parts.iter().any(is_difference);
    let any = |is: &dyn Fn(&str) -> bool| parts.iter().any(|part| is(part));
    Figure {
        name: parts.join(", "),
        unit,
        value,
        // A loss of throughput in per cent is a cost: a lower value is better.
        more_is_better: !by_difference && any(&|part| MORE_IS_BETTER.iter().any(|word| part.contains(word))),
        by_difference,
        control: any(&|part| CONTROLS.iter().any(|control| part.starts_with(control))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(values: &Value) -> Vec<String> {
        let shown = |figure: &Figure| {
            let control = if figure.control { " control" } else { "" };
            format!("{} = {} {}{control}", figure.name, figure.value, figure.unit)
        };
        of(values).iter().map(shown).collect()
    }

    #[test]
    fn figures_of_the_datapath_are_named_by_packet_hook_and_endpoints() {
        let figure = |value: f64| json!({ "median_ns": value, "lowest_ns": 1.0, "highest_ns": 9.0 });
        let values = json!({
            "rounds": 9, "conditions": "Linux", "empty": figure(26.0),
            "packets": [{ "packet": "ARP", "hook": "ingress", "flows": true, "cost": figure(40.0), "bound_ns": 46.0 }],
            "endpoints": [{ "packet": "UDP, egress", "costs": [{ "endpoints": 100, "cost": figure(72.0) }] }],
        });
        let mut found = names(&values);
        found.sort();
        assert_eq!(
            found,
            [
                "ARP, ingress, flows on = 40 ns",
                "ARP, ingress, flows on, lowest = 1 ns",
                "UDP, egress, 100 endpoints = 72 ns",
                "UDP, egress, 100 endpoints, lowest = 1 ns",
                "empty = 26 ns control",
                "empty, lowest = 1 ns control",
            ]
        );
    }

    #[test]
    fn rows_of_the_topology_are_named_by_their_heading() {
        let row =
            |what: &str| json!({ "what": what, "ms": { "median": 2.0, "lowest": 1.0, "highest": 3.0 } });
        let values = json!({
            "sizes": [{
                "namespaces": 200,
                "rows": [row("up: reference"), row("processor time"), row("up: netmon"), row("processor time")],
                "script_to_up": null,
                "loop_to_down": { "median": 4.0, "lowest": 3.0, "highest": 5.0 },
            }],
            "watched": { "links": 1000, "ready_ms": 900.0, "at_rest": { "took_ms": { "median": 5.0 }, "mib": 3.0 } },
        });
        let mut found = names(&values);
        found.sort();
        assert_eq!(
            found,
            [
                "200 namespaces, loop to down = 4 ",
                "200 namespaces, up: netmon = 2 ms",
                "200 namespaces, up: netmon, processor time = 2 ms",
                "200 namespaces, up: reference = 2 ms control",
                "200 namespaces, up: reference, processor time = 2 ms control",
                "watched, 1000 links, at rest = 3 MiB",
                "watched, 1000 links, at rest, took = 5 ms",
                "watched, 1000 links, ready = 900 ms",
            ]
        );
    }

    #[test]
    fn a_higher_rate_is_better_and_a_lower_loss_in_per_cent() {
        let values = json!({ "loads": [{ "load": "TCP, Gbit/s", "on": { "median": 9.0 },
            "cost_per_cent": { "median": -0.5 }, "bound_per_cent": 3.0 }] });
        let mut found = of(&values);
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let [cost, on] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((on.name.as_str(), on.more_is_better, on.by_difference), ("TCP, Gbit/s, on", true, false));
        assert!(!cost.more_is_better && cost.by_difference, "{cost:?}");
    }

    #[test]
    fn two_figures_with_the_same_name_get_different_names() {
        let values = json!([{ "took_ms": 1.0 }, { "took_ms": 2.0 }]);
        assert_eq!(names(&values), ["took = 1 ms", "took (2) = 2 ms"]);
    }
}
