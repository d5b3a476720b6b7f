//! A graph in Graphviz's language (<https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write as _;

use super::{model::Graph, traffic};

/// Renders a graph.
#[must_use]
pub fn render(graph: &Graph) -> String {
    let mut text = format!("graph {} {{\n  rankdir=LR;\n  node [shape=box];\n", label([graph.title()]));
    for (index, namespace) in graph.namespaces.iter().enumerate() {
        let lines = std::iter::once(namespace.name.as_str()).chain(namespace.contents());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  n{index} [label={}];", label(lines));
    }
    for link in &graph.links {
        let [a, b] = [&link.a, &link.b].map(|end| graph.index_of(&end.namespace));
        let [tail, head] =
            [&link.a, &link.b].map(|end| label(traffic::lines(end).iter().map(String::as_str)));
        let _ = write!(text, "  n{a} -- n{b} [taillabel={tail}, headlabel={head}");
        let traffic = traffic::both(link, ["→", "←"]);
        if !traffic.is_empty() {
            let _ = write!(text, ", label={}", label(traffic.iter().map(String::as_str)));
        }
        text.push_str("];\n");
    }
    text + "}\n"
}

/// Returns a quoted string of lines. A backslash is an escape in labels (`\N` is the node's name), so it is doubled.
fn label<'l>(lines: impl IntoIterator<Item = &'l str>) -> String {
    let escaped = lines.into_iter().map(|line| line.replace('\\', r"\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join(r"\n"))
}
