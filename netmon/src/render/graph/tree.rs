//! A graph as a list: each namespace with its links below it, a line each, in columns.
//!
//! It is no deeper than one step, so that a long chain is long and not wide. Every link is listed once.

use unicode_width::UnicodeWidthStr as _;

use super::{
    glyphs::Glyphs,
    model::{End, Graph, Namespace},
    stars::{Spoke, Star, Wire, stars},
    traffic,
};

/// The lines.
pub(super) fn draw(graph: &Graph, pen: Glyphs) -> Vec<String> {
    let mut lines = Vec::new();
    let mut is_listed = vec![false; graph.namespaces.len()];
    for star in stars(graph) {
        for name in star.spokes.iter().map(|spoke| spoke.peer).chain([star.hub]) {
            is_listed[graph.index_of(name)] = true;
        }
        lines.push(title(&graph.namespaces[graph.index_of(star.hub)]));
        lines.extend(below(&star, graph, pen));
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

/// The links of a star, with columns that line up.
fn below(star: &Star<'_>, graph: &Graph, pen: Glyphs) -> Vec<String> {
    let rows: Vec<_> = star.spokes.iter().flat_map(|spoke| rows(spoke, graph, pen)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let last = rows.len().saturating_sub(1);
    let line = |(index, row): (usize, [String; 4])| {
        let [near, far, peer, there] = [0, 1, 2, 3].map(|column| padded(&row[column], widths[column]));
        let branch = if index == last { pen.branch() } else { pen.fork() };
        format!("{branch} {near} {} {far}  {peer}  {there}", pen.wire())
    };
    rows.into_iter().enumerate().map(line).collect()
}

/// Near end, far end, who is there, and what passes; for each link.
fn rows(spoke: &Spoke<'_>, graph: &Graph, pen: Glyphs) -> Vec<[String; 4]> {
    let peer = title(&graph.namespaces[graph.index_of(spoke.peer)]);
    let row = |wire: &Wire<'_>| {
        let passes = wire.traffic(pen);
        [end(wire.near, graph), end(wire.far, graph), peer.clone(), passes.join("  ")]
    };
    spoke.wires.iter().map(row).collect()
}

/// Where there are rates, addresses would make lines too long.
fn end(end: &End, graph: &Graph) -> String {
    if graph.is_running { traffic::interface(end) } else { traffic::lines(end).join(" ") }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
