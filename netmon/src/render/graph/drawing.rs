//! Draws namespaces as boxes, and links as lines between them.
//!
//! Each star is drawn by itself: its hub on the left, and the neighbours on the right.

use std::collections::HashSet;

use netmon_model::names::NsName;
use unicode_width::UnicodeWidthStr as _;

use super::{
    glyphs::Glyphs,
    model::Graph,
    stars::{Spoke, Star, stars},
    traffic,
};

/// Minimum space between the ends of a link, so that it looks like one.
const GAP: usize = 3;
/// Minimum width inside a box.
const BOX: usize = 12;

/// Returns the number of columns of a drawing.
pub(crate) fn width(lines: &[String]) -> usize {
    lines.iter().map(|line| line.width()).max().unwrap_or(0)
}

/// Draws a graph.
pub(crate) fn draw(graph: &Graph, glyphs: Glyphs) -> Vec<String> {
    let mut drawn = HashSet::new();
    let mut lines = Vec::new();
    for star in stars(graph) {
        lines.extend(star.draw(graph, &mut drawn, glyphs));
    }
    let alone = graph.namespaces.iter().filter(|namespace| !drawn.contains(&namespace.name));
    for namespace in alone {
        let lone = Node::new(&namespace.name, graph, true);
        let rows = lone.contents.len().max(1);
        lines.extend((0..rows + 2).map(|row| lone.row(row, rows, glyphs.side, glyphs.side, glyphs)));
    }
    lines
}

impl<'l> Star<'l> {
    fn draw(&self, graph: &'l Graph, drawn: &mut HashSet<&'l NsName>, glyphs: Glyphs) -> Vec<String> {
        let hub = Node::new(self.hub, graph, drawn.insert(self.hub));
        let peers: Vec<_> =
            self.spokes.iter().map(|spoke| Node::new(spoke.peer, graph, drawn.insert(spoke.peer))).collect();
        let peer_width = peers.iter().map(|peer| peer.inner).max().unwrap_or(0);
        let gap = self
            .spokes
            .iter()
            .flat_map(|spoke| spoke.rows(glyphs))
            .map(|row| row.min_width())
            .max()
            .unwrap_or(0);

        let right: Vec<_> = self
            .spokes
            .iter()
            .zip(peers)
            .flat_map(|(spoke, peer)| spoke.draw(&Node { inner: peer_width, ..peer }, gap, glyphs))
            .collect();
        let rows = right.len().saturating_sub(2).max(hub.contents.len());
        let blank = (false, String::new());
        (0..rows + 2)
            .map(|row| {
                let (is_wire, text) = right.get(row).unwrap_or(&blank);
                let side = if *is_wire { glyphs.joints[0] } else { glyphs.side };
                hub.row(row, rows, glyphs.side, side, glyphs) + text
            })
            .collect()
    }
}

/// The contents of one row between two boxes.
enum Row {
    /// A text at each end.
    Texts(String, String),
    /// The link itself.
    Wire,
}

impl Row {
    fn min_width(&self) -> usize {
        match self {
            Self::Texts(near, far) => near.width() + far.width() + 2 + GAP,
            Self::Wire => 0,
        }
    }

    fn draw(&self, width: usize, glyphs: Glyphs) -> String {
        match self {
            Self::Texts(near, far) => {
                let space = width.saturating_sub(near.width() + far.width() + 2);
                format!(" {near}{}{far} ", " ".repeat(space))
            }
            Self::Wire => glyphs.line.to_string().repeat(width),
        }
    }
}

impl Spoke<'_> {
    /// Returns the rows of all links: names of the interfaces, the link itself, addresses, and traffic.
    fn rows(&self, glyphs: Glyphs) -> Vec<Row> {
        let mut rows = Vec::new();
        for wire in &self.wires {
            let (near, far) = (wire.near, wire.far);
            rows.push(Row::Texts(traffic::interface(near), traffic::interface(far)));
            rows.push(Row::Wire);
            let (near, far) = (traffic::below(near), traffic::below(far));
            let text = |lines: &[String], index: usize| lines.get(index).cloned().unwrap_or_default();
            let below = near.len().max(far.len());
            rows.extend((0..below).map(|index| Row::Texts(text(&near, index), text(&far, index))));
            rows.extend(wire.traffic(glyphs).into_iter().map(|traffic| Row::Texts(traffic, String::new())));
        }
        rows
    }

    /// Returns the rows to the right of the hub, each with whether a link leaves the hub there.
    fn draw(&self, peer: &Node, gap: usize, glyphs: Glyphs) -> Vec<(bool, String)> {
        let between = self.rows(glyphs);
        let rows = between.len().max(peer.contents.len() + peer.first_row);
        let row = |row: usize| {
            let between = row.checked_sub(1).and_then(|row| between.get(row));
            let is_wire = matches!(between, Some(Row::Wire));
            let side = if is_wire { glyphs.joints[1] } else { glyphs.side };
            let text = between.map_or_else(|| " ".repeat(gap), |between| between.draw(gap, glyphs));
            (is_wire, text + &peer.row(row, rows, side, glyphs.side, glyphs))
        };
        (0..rows + 2).map(row).collect()
    }
}

/// The box of a namespace.
struct Node {
    title: String,
    contents: Vec<String>,
    /// The row, counted from the title, in which the contents start.
    first_row: usize,
    /// Columns between the left and the right side.
    inner: usize,
}

impl Node {
    fn new(namespace: &NsName, graph: &Graph, with_contents: bool) -> Self {
        let title = namespace.to_string();
        let found = graph.namespaces.get(graph.index_of(namespace)).filter(|_| with_contents);
        let contents: Vec<_> = found.iter().flat_map(|found| found.contents()).map(str::to_owned).collect();
        let widest = contents.iter().map(|line| line.width()).chain([title.width()]).max().unwrap_or(0);
        // A single line is beside the first link.
        let first_row = usize::from(contents.len() == 1);
        Self { title, contents, first_row, inner: (widest + 2).max(BOX) }
    }

    /// Returns one row of a box that has `rows` rows inside.
    fn row(&self, row: usize, rows: usize, left: char, right: char, glyphs: Glyphs) -> String {
        let line = |length: usize| glyphs.line.to_string().repeat(length);
        let [top_left, top_right, bottom_left, bottom_right] = glyphs.corners;
        if row == 0 {
            let rest = self.inner.saturating_sub(self.title.width() + 2);
            return format!("{top_left} {} {}{top_right}", self.title, line(rest));
        }
        if row == rows + 1 {
            return format!("{bottom_left}{}{bottom_right}", line(self.inner));
        }
        let text = (row - 1).checked_sub(self.first_row).and_then(|row| self.contents.get(row));
        let text = text.map_or("", String::as_str);
        let space = self.inner.saturating_sub(text.width() + 1);
        format!("{left} {text}{}{right}", " ".repeat(space))
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::render::terminal::Charset;

    fn graph(text: &str) -> Graph {
        Graph::from_lab(&netmon_labfile::parse(text, "f", "f").unwrap())
    }

    fn drawn(text: &str) -> String {
        draw(&graph(text), Glyphs::new(Charset::Utf8)).join("\n")
    }

    const THREE: &str = r#"
        [[namespace]]
        name = "client"
        [[namespace]]
        name = "router"
        [[namespace]]
        name = "server"
        [[namespace]]
        name = "spare"
        [[link]]
        a = { namespace = "router", interface = "r1", addresses = ["10.0.2.1/24", "fd00::1/64"] }
        b = { namespace = "server", interface = "eth0", addresses = ["10.0.2.2/24"] }
        [[link]]
        a = { namespace = "root", interface = "up0" }
        b = { namespace = "router", interface = "up1" }
        [[link]]
        a = { namespace = "client", interface = "eth0", addresses = ["10.0.1.2/24"] }
        b = { namespace = "router", interface = "r0", addresses = ["10.0.1.1/24"] }
        [[service]]
        namespace = "server"
        http = "10.0.2.2:80"
        [[service]]
        namespace = "server"
        command = ["iperf3", "-s"]
    "#;

    #[test]
    fn a_tree_is_drawn_from_root_outwards_with_every_link_once() {
        assert_snapshot!(drawn(THREE));
    }

    #[test]
    fn two_links_to_one_namespace_share_its_box_and_a_loop_is_drawn_once() {
        let text = r#"
            [[namespace]]
            name = "twice-connected"
            [[link]]
            a = { namespace = "root", interface = "a0" }
            b = { namespace = "twice-connected", interface = "b0" }
            [[link]]
            a = { namespace = "twice-connected", interface = "b1" }
            b = { namespace = "root", interface = "a1" }
            [[link]]
            a = { namespace = "root", interface = "x0" }
            b = { namespace = "root", interface = "x1" }
        "#;
        assert_snapshot!(drawn(text));
    }

    #[test]
    fn wide_characters_do_not_shift_the_sides() {
        let text = "[[namespace]]\nname = \"網路命名空間網路\"\n";
        let lines = draw(&graph(text), Glyphs::new(Charset::Utf8));
        assert!(lines.iter().all(|line| line.width() == 20), "{lines:#?}");
    }
}
