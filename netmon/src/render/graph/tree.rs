//! Draws a graph as a list: each namespace with its links below it, one per line, in columns.
//!
//! The list has one level of indentation, so that a long chain is long and not wide. Every link is listed once.

use unicode_width::UnicodeWidthStr as _;

use super::{
    glyphs::Glyphs,
    model::{End, Graph, Namespace},
    stars::{Spoke, Star, Wire, stars},
    traffic,
};

/// Returns the lines of the list.
pub(super) fn draw(graph: &Graph, glyphs: Glyphs) -> Vec<String> {
    let mut lines = Vec::new();
    let mut is_listed = vec![false; graph.namespaces.len()];
    for star in stars(graph) {
        for name in star.spokes.iter().map(|spoke| spoke.peer).chain([star.hub]) {
            is_listed[graph.index_of(name)] = true;
        }
        lines.push(title(&graph.namespaces[graph.index_of(star.hub)]));
        lines.extend(below(&star, graph, glyphs));
    }
    let alone = graph.namespaces.iter().zip(is_listed).filter(|(_, is_listed)| !is_listed);
    lines.extend(alone.map(|(namespace, _)| title(namespace)));
    lines
}

fn title(namespace: &Namespace) -> String {
    match &namespace.services[..] {
        [] => namespace.name.to_string(),
        services => format!("{} ({})", namespace.name, services.join(", ")),
    }
}

/// Returns the links of a star, in columns.
fn below(star: &Star<'_>, graph: &Graph, glyphs: Glyphs) -> Vec<String> {
    let rows: Vec<_> = star.spokes.iter().flat_map(|spoke| rows(spoke, graph, glyphs)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let last = rows.len().saturating_sub(1);
    let line = |(index, row): (usize, [String; 4])| {
        let [near, far, peer, traffic] = [0, 1, 2, 3].map(|column| padded(&row[column], widths[column]));
        let branch = if index == last { glyphs.branch() } else { glyphs.fork() };
        format!("{branch} {near} {} {far}  {peer}  {traffic}", glyphs.wire())
    };
    rows.into_iter().enumerate().map(line).collect()
}

/// Returns the columns of each link: near end, far end, namespace of the far end, and traffic.
fn rows(spoke: &Spoke<'_>, graph: &Graph, glyphs: Glyphs) -> Vec<[String; 4]> {
    let peer = title(&graph.namespaces[graph.index_of(spoke.peer)]);
    let row = |wire: &Wire<'_>| {
        let traffic = wire.traffic(glyphs);
        [end(wire.near, graph), end(wire.far, graph), peer.clone(), traffic.join("  ")]
    };
    spoke.wires.iter().map(row).collect()
}

/// Formats an end. Beside rates, addresses would make the lines too long.
fn end(end: &End, graph: &Graph) -> String {
    if graph.is_running { traffic::interface(end) } else { traffic::lines(end).join(" ") }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
