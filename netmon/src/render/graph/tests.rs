//! Graphs of known labs, to the character.

use netmon_model::fixtures;

use super::*;
use crate::{
    api::Links,
    render::{
        graph::model::Traffic,
        terminal::{Charset, Terminal},
    },
};

const WIDE: Terminal = Terminal { columns: 120, charset: Charset::Utf8 };

fn of(text: &str) -> Graph {
    Graph::of_lab(&netmon_labfile::parse(text, "f", "f").unwrap())
}

/// The built-in lab as an agent would say it, with round numbers.
fn running() -> Graph {
    let mut graph = Graph::of_links(&Links::without_rates(&fixtures::direct()));
    let traffic = |packets: f64, lost| {
        Some(Traffic {
            packets: 1234,
            packets_per_second: Some(packets),
            bytes_per_second: Some(98.0 * packets),
            latency_p50_ns: Some(4100),
            lost_segments: Some(lost),
        })
    };
    (graph.links[0].a_to_b, graph.links[0].b_to_a) = (traffic(50.0, 0), traffic(25.0, 3));
    graph
}

/// Names that are valid and look like syntax everywhere.
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
fn a_lab_that_runs_has_its_rates_and_latencies_below_the_link() {
    let expected = "\
lab direct, as it runs

┌ root ──────┐                                             ┌ direct_netns ──────┐
│            │ veth0                                 veth1 │                    │
│            ├─────────────────────────────────────────────┤ http 10.200.0.3:80 │
│            │ 10.200.0.2/24                 10.200.0.3/24 │                    │
│            │ → 50.0 pkt/s, 4.90 kB/s, 4.10 µs            │                    │
│            │ ← 25.0 pkt/s, 2.45 kB/s, 4.10 µs, 3 lost    │                    │
└────────────┘                                             └────────────────────┘
";
    assert_eq!(text(&running(), WIDE), expected);
}

#[test]
fn what_is_done_to_packets_on_purpose_stands_behind_its_direction() {
    let mut graph = of("[[namespace]]\nname = \"far\"\n[[link]]\n\
         a = { namespace = \"root\", interface = \"v0\", impair = { loss = \"1%\", rate = \"10mbit\" } }\n\
         b = { namespace = \"far\", interface = \"v1\" }\n");
    let drawn = text(&graph, WIDE);
    assert!(drawn.contains("→ [loss 1%, rate 10mbit]") && !drawn.contains('←'), "{drawn}");
    graph.links[0].a_to_b = running().links[0].a_to_b.clone();
    let drawn = text(&graph, WIDE);
    assert!(drawn.contains("→ 50.0 pkt/s, 4.90 kB/s, 4.10 µs [loss 1%, rate 10mbit]"), "{drawn}");
    let drawn = mermaid::render(&graph);
    assert!(drawn.contains("[loss 1%, rate 10mbit]"), "{drawn}");
}

#[test]
fn many_links_are_a_list_with_columns() {
    let expected = "\
lab star

root
 ├─ star-1 10.202.0.1/30  ── eth0 10.202.0.2/30   star-1
 ├─ star-2 10.202.0.5/30  ── eth0 10.202.0.6/30   star-2
 ├─ star-3 10.202.0.9/30  ── eth0 10.202.0.10/30  star-3
 └─ star-4 10.202.0.13/30 ── eth0 10.202.0.14/30  star-4
";
    let wish = netmon_labfile::generate::Options {
        kind: netmon_labfile::generate::LabKind::Star,
        namespaces: Some(4),
        name: None,
        subnet: None,
        http: false,
    };
    let star = of(&netmon_labfile::generate::lab_file(&wish).unwrap());
    assert_eq!(text(&star, Terminal { columns: 40, ..WIDE }), expected, "too narrow for boxes");
    let fifty = netmon_labfile::generate::lab_file(&netmon_labfile::generate::Options {
        namespaces: Some(50),
        ..wish
    })
    .unwrap();
    assert_eq!(text(&of(&fifty), WIDE).lines().count(), 53);
}

#[test]
fn a_list_of_a_running_lab_has_rates_in_place_of_addresses() {
    let expected = "\
lab direct, as it runs

root
 └─ veth0 ── veth1  direct_netns (http 10.200.0.3:80)  → 50.0 pkt/s, 4.90 kB/s, 4.10 µs  ← 25.0 pkt/s, 2.45 kB/s, 4.10 µs, 3 lost
";
    assert_eq!(text(&running(), Terminal { columns: 40, ..WIDE }), expected);
    let ascii = text(&running(), Terminal { columns: 40, charset: Charset::Ascii });
    assert!(
        ascii.is_ascii()
            && ascii.contains(" `- veth0 -- veth1  direct_netns (http 10.200.0.3:80)  -> 50.0 pkt/s"),
        "{ascii}"
    );
}

#[test]
fn a_running_lab_in_mermaid_and_dot() {
    let expected = r#"flowchart LR
  n0["root"]
  n1["direct_netns<br/>http 10.200.0.3:80"]
  n0 ---|"veth0 10.200.0.2/24 — veth1 10.200.0.3/24<br/>→ 50.0 pkt/s, 4.90 kB/s, 4.10 µs<br/>← 25.0 pkt/s, 2.45 kB/s, 4.10 µs, 3 lost"| n1
"#;
    assert_eq!(mermaid::render(&running()), expected);
    let expected = r#"graph "direct" {
  rankdir=LR;
  node [shape=box];
  n0 [label="root"];
  n1 [label="direct_netns\nhttp 10.200.0.3:80"];
  n0 -- n1 [taillabel="veth0\n10.200.0.2/24", headlabel="veth1\n10.200.0.3/24", label="→ 50.0 pkt/s, 4.90 kB/s, 4.10 µs\n← 25.0 pkt/s, 2.45 kB/s, 4.10 µs, 3 lost"];
}
"#;
    assert_eq!(dot::render(&running()), expected);
}

#[test]
fn names_that_look_like_syntax_are_escaped() {
    let expected = r##"flowchart LR
  n0["a#34;b#92;N"]
  n1["#60;i#62;#35;35#59;#96;|]"]
  n0 ---|"x#34;]#59; — x--#62;|"| n1
"##;
    assert_eq!(mermaid::render(&of(NASTY)), expected);
    let expected = r##"graph "f" {
  rankdir=LR;
  node [shape=box];
  n0 [label="a\"b\\N"];
  n1 [label="<i>#35;`|]"];
  n0 -- n1 [taillabel="x\"];", headlabel="x-->|"];
}
"##;
    assert_eq!(dot::render(&of(NASTY)), expected);
}

#[test]
fn json_has_every_namespace_and_the_numbers_as_numbers() {
    let json = serde_json::to_value(running()).unwrap();
    assert_eq!((&json["lab"], &json["is_running"]), (&"direct".into(), &true.into()));
    assert_eq!(json["namespaces"][1]["name"], "direct_netns");
    assert_eq!(json["links"][0]["b_to_a"]["packets_per_second"], 25.0);
    assert_eq!(json["links"][0]["b_to_a"]["latency_p50_ns"], 4100);
    let json = serde_json::to_value(Graph::of_lab(&netmon_labfile::built_in())).unwrap();
    assert!(json["links"][0]["a_to_b"].is_null());
    assert_eq!(json["namespaces"][1]["services"][0], "http 10.200.0.3:80");
}

#[test]
fn what_is_down_and_what_is_alone_is_said() {
    let mut graph = running();
    graph.links[0].b.up = Some(false);
    assert!(text(&graph, WIDE).contains("veth1 (down) │"));
    let alone =
        of("[[namespace]]\nname = \"spare\"\n[[service]]\nnamespace = \"spare\"\nhttp = \"0.0.0.0:80\"\n");
    assert_eq!(text(&alone, Terminal { columns: 10, ..WIDE }), "lab f\n\nspare (http 0.0.0.0:80)\n");
}
