//! Splits any topology into stars: a namespace and its neighbours.
//!
//! Root is the first hub. Each neighbour with remaining links is a hub later. So every link is in exactly one star.

use std::collections::{HashMap, VecDeque};

use netmon_model::names::NsName;

use super::{
    glyphs::Glyphs,
    model::{End, Graph, Link, Traffic},
    traffic,
};
use crate::api::Amounts;

/// A namespace and its links to others that no earlier star has.
pub(super) struct Star<'l> {
    pub(super) hub: &'l NsName,
    pub(super) spokes: Vec<Spoke<'l>>,
}

/// All links of a star's hub to one other namespace.
pub(super) struct Spoke<'l> {
    pub(super) peer: &'l NsName,
    pub(super) wires: Vec<Wire<'l>>,
}

/// A link as seen from a hub.
pub(super) struct Wire<'l> {
    pub(super) near: &'l End,
    pub(super) far: &'l End,
    /// Away from the hub, and towards it.
    directions: [Direction<'l>; 2],
}

/// Traffic and impairment of one direction.
type Direction<'l> = (Option<&'l Traffic>, Amounts);

impl<'l> Wire<'l> {
    fn seen_from(hub: &NsName, link: &'l Link) -> Self {
        let [from_a, from_b] = link.impaired;
        let (from_a, from_b) = ((link.a_to_b.as_ref(), from_a), (link.b_to_a.as_ref(), from_b));
        if link.a.namespace == *hub {
            Self { near: &link.a, far: &link.b, directions: [from_a, from_b] }
        } else {
            Self { near: &link.b, far: &link.a, directions: [from_b, from_a] }
        }
    }

    /// Returns a line for each direction, away from the hub first, if there is anything to say about it.
    pub(super) fn traffic(&self, glyphs: Glyphs) -> Vec<String> {
        let directions = glyphs.arrows.into_iter().zip(self.directions);
        directions
            .filter_map(|(arrow, (traffic, impaired))| traffic::line(arrow, traffic, impaired))
            .collect()
    }
}

/// Splits a graph into stars.
pub(super) fn stars(graph: &Graph) -> Vec<Star<'_>> {
    let mut left: Vec<&Link> = graph.links.iter().collect();
    let root = NsName::root();
    let mut stars: Vec<Star<'_>> = Vec::new();
    let mut next: VecDeque<&NsName> = VecDeque::new();
    while let Some(first) = left.first() {
        let of_root = left.iter().flat_map(|link| [&link.a, &link.b]).find(|end| end.namespace == root);
        let hub = next.pop_front().or(of_root.map(|end| &end.namespace)).unwrap_or(&first.a.namespace);
        let (own, others) =
            left.into_iter().partition(|link| [&link.a, &link.b].iter().any(|end| end.namespace == *hub));
        left = others;
        let star = Star::new(hub, own);
        next.extend(star.spokes.iter().map(|spoke| spoke.peer));
        if !star.spokes.is_empty() {
            stars.push(star);
        }
    }
    stars
}

impl<'l> Star<'l> {
    fn new(hub: &'l NsName, links: Vec<&'l Link>) -> Self {
        let mut spokes: Vec<Spoke<'l>> = Vec::new();
        // With an index: a search for each of 1,000 links would take a million steps.
        let mut indices: HashMap<&NsName, usize> = HashMap::new();
        for link in links {
            let wire = Wire::seen_from(hub, link);
            let peer = &wire.far.namespace;
            let index = *indices.entry(peer).or_insert(spokes.len());
            match spokes.get_mut(index) {
                Some(spoke) => spoke.wires.push(wire),
                None => spokes.push(Spoke { peer, wires: vec![wire] }),
            }
        }
        Self { hub, spokes }
    }
}
