//! Namespaces in a row, each a router for its neighbours.
//!
//! The first and the last have a default route to their only neighbour. The others have routes to the networks on each
//! side and no default route, so a packet to an unknown network is refused at once and does not go back and forth.

use super::router::{join, routers, routes};
use crate::generate::{
    address_plan::AddressPlan,
    draft::{LabDraft, Ping, Route},
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: AddressPlan) -> LabDraft {
    let mut draft = LabDraft { namespaces: routers(lab, count, count - 1), ..LabDraft::default() };
    let links = count - 1;
    for index in 0..links {
        join(&mut draft, plan, index, index + 1);
    }
    for (index, namespace) in draft.namespaces.iter_mut().enumerate() {
        // The addresses of the neighbours, if any: end a of the link before, end b of the link after.
        let before = index.checked_sub(1).map(|link| plan.link(link)[0]);
        let after = (index < links).then(|| plan.link(index)[1]);
        namespace.routes = match (before, after) {
            (Some(before), Some(after)) => {
                let to_before = plan.halves(0, 2 * (index - 1));
                let to_after = plan.halves(2 * (index + 1), 2 * links);
                routes(before, to_before).chain(routes(after, to_after)).collect()
            }
            // In a row of two, both are on the same link.
            (Some(only), None) | (None, Some(only)) if links > 1 => {
                vec![Route { to: None, via: only.addr() }]
            }
            _ => Vec::new(),
        };
    }
    draft.ping =
        draft.links.last().map(|[_, last]| last).and_then(|last| last.address).map(|last| Ping {
            from: draft.namespaces.first().map(|first| first.name.clone()),
            to: last.addr(),
        });
    draft
}
