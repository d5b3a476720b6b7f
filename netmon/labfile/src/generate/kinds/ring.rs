//! A chain whose last namespace is joined to the first: packets take the shorter way round.
//!
//! On a ring of `n` there are `2 n` ends of links. To every namespace, the `n` ends that come first clockwise are
//! the nearer ones on that side, the other `n` on the other side. There is no tie: of the link (or the
//! namespace) right across, one end belongs to each side. So an answer comes back the way that the request went,
//! and strict reverse path filtering (RFC 3704) has nothing to drop.

use ipnet::Ipv4Net;

use super::router::{join, routers, routes};
use crate::generate::{
    draft::{Draft, Ping},
    plan::Plan,
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: Plan) -> Draft {
    let mut draft = Draft { namespaces: routers(lab, count, count / 2), ..Draft::default() };
    if count < 2 {
        return draft;
    }
    for index in 0..count {
        join(&mut draft, plan, index, (index + 1) % count);
    }
    for (index, namespace) in draft.namespaces.iter_mut().enumerate() {
        let before = plan.link((index + count - 1) % count)[0];
        let after = plan.link(index)[1];
        // Less the two ends of the own link on either side, which need no route.
        let to_after = ends(plan, count, 2 * index + 2, count.saturating_sub(2));
        let to_before = ends(plan, count, 2 * index + count, count.saturating_sub(2));
        namespace.routes = routes(before, to_before).chain(routes(after, to_after)).collect();
    }
    // Right across.
    let far = plan.link(count / 2 - 1)[1];
    draft.ping =
        draft.namespaces.first().map(|first| Ping { from: Some(first.name.clone()), to: far.addr() });
    draft
}

/// The networks of `length` ends from number `first` on, round the ring.
fn ends(plan: Plan, count: usize, first: usize, length: usize) -> Vec<Ipv4Net> {
    let first = first % (2 * count);
    let end = first + length;
    let over = end.saturating_sub(2 * count);
    let mut networks = plan.halves(0, over);
    networks.extend(plan.halves(first, end - over));
    networks
}
