//! A lab as a drawing: boxes where they fit, a list elsewhere, and the languages of Mermaid and Graphviz.

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

/// With more links or namespaces than this, boxes are more than a screen shows.
pub const MOST_BOXES: usize = 8;

/// Boxes where they fit the screen, a list elsewhere.
#[must_use]
pub fn text(graph: &Graph, screen: Terminal) -> String {
    let pen = Glyphs::new(screen.charset);
    let is_small = graph.links.len() <= MOST_BOXES && graph.namespaces.len() <= MOST_BOXES;
    let boxes = is_small.then(|| drawing::draw(graph, pen));
    let fitting = boxes.filter(|lines| drawing::width(lines) <= screen.columns);
    let lines = fitting.unwrap_or_else(|| tree::draw(graph, pen));
    let lab = if graph.lab.is_some() { "lab " } else { "" };
    let mut text =
        format!("{lab}{}{}\n\n", graph.title(), if graph.is_running { ", as it runs" } else { "" });
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if screen.charset == Charset::Ascii { text.replace('µ', "u") } else { text }
}

#[cfg(test)]
mod tests;
