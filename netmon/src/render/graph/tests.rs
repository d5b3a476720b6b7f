//! Drawings of known labs, compared to the character.

use insta::assert_snapshot;
use netmon_labfile::generate::{LabKind, Options, lab_file};

use super::*;
use crate::render::example;

const WIDE: Terminal = Terminal { columns: 120, charset: Charset::Utf8 };
const NARROW: Terminal = Terminal { columns: 40, charset: Charset::Utf8 };

fn graph(text: &str) -> Graph {
    Graph::from_lab(&netmon_labfile::parse(text, "f", "f").unwrap())
}

/// The built-in lab as a running agent reports it.
fn running() -> Graph {
    Graph::from_links(&example::links())
}

fn star(namespaces: usize) -> Graph {
    let wish =
        Options { kind: LabKind::Star, namespaces: Some(namespaces), name: None, subnet: None, http: false };
    graph(&lab_file(&wish).unwrap())
}

/// Valid names that look like syntax in every format.
const NASTY: &str = r##"
    [[namespace]]
    name = 'a"b\N'
    [[namespace]]
    name = "<i>#35;`|]"
    [[link]]
    a = { namespace = 'a"b\N', interface = 'x"];' }
    b = { namespace = "<i>#35;`|]", interface = "x-->|" }
"##;

#[test]
fn a_running_lab_has_rates_and_latencies_below_its_link() {
    assert_snapshot!(text(&running(), WIDE));
}

#[test]
fn an_impairment_is_shown_behind_its_direction() {
    let mut graph = graph(
        "[[namespace]]\nname = \"far\"\n[[link]]\n\
         a = { namespace = \"root\", interface = \"v0\", impair = { loss = \"1%\", rate = \"10mbit\" } }\n\
         b = { namespace = \"far\", interface = \"v1\" }\n",
    );
    assert_snapshot!("impairment_in_a_file", text(&graph, WIDE));
    graph.links[0].a_to_b = running().links[0].a_to_b.clone();
    assert_snapshot!("impairment_with_traffic", text(&graph, WIDE));
    assert_snapshot!("impairment_in_mermaid", mermaid::render(&graph));
    assert_snapshot!("impairment_in_dot", dot::render(&graph));
}

#[test]
fn a_lab_too_wide_for_boxes_is_a_list_in_columns() {
    assert_snapshot!(text(&star(4), NARROW));
}

#[test]
fn a_lab_with_too_many_links_for_boxes_is_a_list() {
    assert_eq!(text(&star(50), WIDE).lines().count(), 53);
}

#[test]
fn a_list_of_a_running_lab_has_rates_instead_of_addresses() {
    assert_snapshot!(text(&running(), NARROW));
}

#[test]
fn without_utf_8_a_drawing_is_ascii() {
    let text = text(&running(), Terminal { charset: Charset::Ascii, ..NARROW });
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!(text);
}

#[test]
fn a_running_lab_in_mermaid_and_dot() {
    assert_snapshot!("running_in_mermaid", mermaid::render(&running()));
    assert_snapshot!("running_in_dot", dot::render(&running()));
}

#[test]
fn names_that_look_like_syntax_are_escaped() {
    assert_snapshot!("escaped_in_mermaid", mermaid::render(&graph(NASTY)));
    assert_snapshot!("escaped_in_dot", dot::render(&graph(NASTY)));
}

#[test]
fn json_has_every_namespace_and_the_numbers_as_numbers() {
    let json = serde_json::to_value(running()).unwrap();
    assert_eq!((&json["lab"], &json["is_running"]), (&"direct".into(), &true.into()));
    assert_eq!(json["namespaces"][1]["name"], "direct_netns");
    assert_eq!(json["links"][0]["b_to_a"]["packets_per_second"], 25.0);
    assert_eq!(json["links"][0]["b_to_a"]["latency_p50_ns"], 4100);
    let json = serde_json::to_value(Graph::from_lab(&netmon_labfile::built_in())).unwrap();
    assert!(json["links"][0]["a_to_b"].is_null());
    assert_eq!(json["namespaces"][1]["services"][0], "http 10.200.0.3:80");
}

#[test]
fn an_interface_that_is_down_has_a_remark() {
    let mut graph = running();
    graph.links[0].b.up = Some(false);
    assert_snapshot!(text(&graph, WIDE));
}

#[test]
fn a_namespace_without_links_is_listed() {
    let alone =
        graph("[[namespace]]\nname = \"spare\"\n[[service]]\nnamespace = \"spare\"\nhttp = \"0.0.0.0:80\"\n");
    assert_snapshot!(text(&alone, Terminal { columns: 10, ..WIDE }));
}
