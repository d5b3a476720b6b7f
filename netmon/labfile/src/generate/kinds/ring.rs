//! A chain whose last namespace is joined to the first: packets take the shorter path.
//!
//! A ring of `n` namespaces has `2 n` ends of links. Seen from a namespace, the next `n` ends clockwise are nearer
//! clockwise, and the other `n` are nearer the other way. There is no tie: of the link (or the namespace) opposite, one
//! end belongs to each side. So an answer takes the path of the request, and strict reverse path filtering (RFC 3704)
//! drops nothing.

use ipnet::Ipv4Net;

use super::router::{join, routers, routes};
use crate::generate::{
    address_plan::AddressPlan,
    draft::{LabDraft, Ping},
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: AddressPlan) -> LabDraft {
    let mut draft = LabDraft { namespaces: routers(lab, count, count / 2), ..LabDraft::default() };
    if count < 2 {
        return draft;
    }
    for index in 0..count {
        join(&mut draft, plan, index, (index + 1) % count);
    }
    for (index, namespace) in draft.namespaces.iter_mut().enumerate() {
        let before = plan.link((index + count - 1) % count)[0];
        let after = plan.link(index)[1];
        // Without the two ends of the link on each side, which need no route.
        let to_after = ends(plan, count, 2 * index + 2, count.saturating_sub(2));
        let to_before = ends(plan, count, 2 * index + count, count.saturating_sub(2));
        namespace.routes = routes(before, to_before).chain(routes(after, to_after)).collect();
    }
    // The opposite namespace.
    let far = plan.link(count / 2 - 1)[1];
    draft.ping =
        draft.namespaces.first().map(|first| Ping { from: Some(first.name.clone()), to: far.addr() });
    draft
}

/// The networks of `length` ends, clockwise from number `first`.
fn ends(plan: AddressPlan, count: usize, first: usize, length: usize) -> Vec<Ipv4Net> {
    let first = first % (2 * count);
    let end = first + length;
    let over = end.saturating_sub(2 * count);
    let mut networks = plan.halves(0, over);
    networks.extend(plan.halves(first, end - over));
    networks
}
