//! Namespaces in a row, each a router for those beside it.
//!
//! The ends send everything to their only neighbour. Those between have a route to each side's networks and no
//! default, so that a packet to nowhere is refused at once instead of going to and fro.

use super::router::{join, routers, routes};
use crate::generate::{
    draft::{Draft, Ping, Route},
    plan::Plan,
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: Plan) -> Draft {
    let mut draft = Draft { namespaces: routers(lab, count, count - 1), ..Draft::default() };
    let links = count - 1;
    for index in 0..links {
        join(&mut draft, plan, index, index + 1);
    }
    for (index, namespace) in draft.namespaces.iter_mut().enumerate() {
        // The addresses of the neighbours, where there are any: end a of the link before, end b of the link after.
        let before = index.checked_sub(1).map(|link| plan.link(link)[0]);
        let after = (index < links).then(|| plan.link(index)[1]);
        namespace.routes = match (before, after) {
            (Some(before), Some(after)) => {
                let to_before = plan.halves(0, 2 * (index - 1));
                let to_after = plan.halves(2 * (index + 1), 2 * links);
                routes(before, to_before).chain(routes(after, to_after)).collect()
            }
            // In a row of two, either sees the other.
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
