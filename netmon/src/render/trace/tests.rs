//! How a trace looks.

use insta::assert_snapshot;
use netmon_model::fixtures;

use super::*;
use crate::render::{style::visible, terminal::Charset};

fn drawn(columns: usize, charset: Charset) -> String {
    visible(&text(&fixtures::trace(), Terminal { columns, charset }))
}

#[test]
fn a_ladder_at_80_columns() {
    assert_snapshot!(drawn(80, Charset::Utf8));
}

#[test]
fn a_wide_ladder_names_interfaces() {
    assert_snapshot!(drawn(120, Charset::Utf8));
}

#[test]
fn a_ladder_in_ascii() {
    assert_snapshot!(drawn(80, Charset::Ascii));
}

#[test]
fn control_characters_in_a_name_are_not_sent_to_the_terminal() {
    let mut trace = fixtures::trace();
    for rung in &mut trace.rungs {
        rung.from.namespace = "a\u{1b}[2Jb".to_owned();
        rung.to.namespace = "a\u{1b}[2Jb".to_owned();
    }
    let text = text(&trace, Terminal { columns: 80, charset: Charset::Utf8 });
    assert!(text.contains("a\u{fffd}[2Jb") && !text.contains("\u{1b}[2J"), "{text}");
}

#[test]
fn trace_events_are_slices_of_tracks_that_do_not_overlap() {
    let json: serde_json::Value = serde_json::from_str(&perfetto::json(&fixtures::trace()).unwrap()).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(slices.len(), 4 * (1 + 7));
    let mut ends = std::collections::HashMap::new();
    for slice in slices {
        let (start, took) = (slice["ts"].as_f64().unwrap(), slice["dur"].as_f64().unwrap());
        let end = ends.entry(slice["tid"].as_u64().unwrap()).or_insert(0.0);
        assert!(start >= *end - 0.001, "{slice}");
        *end = start + took;
    }
    assert_eq!(ends.len(), 5, "the program, two links, two namespaces");
}
