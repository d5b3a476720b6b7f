//! Any topology taken apart into stars: a namespace, and those that it is linked to.
//!
//! Root comes first, then whoever was in a star and has links left; so every link is in one of them, once.

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

/// A link as it is seen from a hub.
pub(super) struct Wire<'l> {
    pub(super) near: &'l End,
    pub(super) far: &'l End,
    /// Away from the hub, and towards it.
    passing: [Passing<'l>; 2],
}

/// What passes in one direction, and what is done to it on purpose.
type Passing<'l> = (Option<&'l Traffic>, Amounts);

impl<'l> Wire<'l> {
    fn seen_from(hub: &NsName, link: &'l Link) -> Self {
        let [there, back] = link.impaired;
        let (there, back) = ((link.a_to_b.as_ref(), there), (link.b_to_a.as_ref(), back));
        if link.a.namespace == *hub {
            Self { near: &link.a, far: &link.b, passing: [there, back] }
        } else {
            Self { near: &link.b, far: &link.a, passing: [back, there] }
        }
    }

    /// What passes away from the hub and towards it, where that is known.
    pub(super) fn traffic(&self, pen: Glyphs) -> Vec<String> {
        let known = pen.arrows.into_iter().zip(self.passing);
        known.filter_map(|(arrow, (passing, impaired))| traffic::line(arrow, passing, impaired)).collect()
    }
}

/// A lab as stars, so that every link is in one of them.
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
        // By place: a search for each link of a thousand would take a million steps.
        let mut places: HashMap<&NsName, usize> = HashMap::new();
        for link in links {
            let wire = Wire::seen_from(hub, link);
            let peer = &wire.far.namespace;
            let place = *places.entry(peer).or_insert(spokes.len());
            match spokes.get_mut(place) {
                Some(spoke) => spoke.wires.push(wire),
                None => spokes.push(Spoke { peer, wires: vec![wire] }),
            }
        }
        Self { hub, spokes }
    }
}
