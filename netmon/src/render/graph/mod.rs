//! Draws a lab: as boxes if they fit, otherwise as a list; and in the languages of Mermaid and Graphviz.

pub mod dot;
pub mod drawing;
pub mod glyphs;
pub mod mermaid;
pub mod model;
mod stars;
mod traffic;
pub mod tree;

use self::{glyphs::Glyphs, model::Graph};
use super::terminal::{Charset, Terminal};

/// With more links or namespaces than this, boxes exceed a terminal.
pub const MAX_BOXES: usize = 8;

/// Renders a graph as boxes if they fit the terminal, and as a list otherwise.
#[must_use]
pub fn text(graph: &Graph, terminal: Terminal) -> String {
    let glyphs = Glyphs::new(terminal.charset);
    let is_small = graph.links.len() <= MAX_BOXES && graph.namespaces.len() <= MAX_BOXES;
    let boxes = is_small.then(|| drawing::draw(graph, glyphs));
    let fitting = boxes.filter(|lines| drawing::width(lines) <= terminal.columns);
    let lines = fitting.unwrap_or_else(|| tree::draw(graph, glyphs));
    let lab = if graph.lab.is_some() { "lab " } else { "" };
    let mut text = format!("{lab}{}{}\n\n", graph.title(), if graph.is_running { " (running)" } else { "" });
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if terminal.charset == Charset::Ascii { text.replace('µ', "u") } else { text }
}

#[cfg(test)]
mod tests;
