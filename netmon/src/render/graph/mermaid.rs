//! A graph in Mermaid's language (<https://mermaid.js.org/syntax/flowchart.html>).

use std::fmt::Write as _;

use super::{model::Graph, traffic};

/// Renders a graph.
#[must_use]
pub fn render(graph: &Graph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (index, namespace) in graph.namespaces.iter().enumerate() {
        let lines = std::iter::once(namespace.name.as_str()).chain(namespace.contents());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  n{index}[\"{}\"]", joined(lines));
    }
    for link in &graph.links {
        let ends = [&link.a, &link.b].map(|end| traffic::lines(end).join(" "));
        let mut lines = vec![ends.join(" — ")];
        lines.extend(traffic::both(link, ["→", "←"]));
        let [a, b] = [&link.a, &link.b].map(|end| graph.index_of(&end.namespace));
        let _ = writeln!(text, "  n{a} ---|\"{}\"| n{b}", joined(lines.iter().map(String::as_str)));
    }
    text
}

fn joined<'l>(lines: impl Iterator<Item = &'l str>) -> String {
    lines.map(escaped).collect::<Vec<_>>().join("<br/>")
}

/// Replaces characters that could be syntax by entities: quotes end a label, a backtick begins Markdown, brackets are
/// HTML, and a hash begins an entity.
fn escaped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    for c in label.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' => {
                let _ = write!(text, "#{};", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text
}
