//! Shared by chain and ring: namespaces that forward, and a row of links between them.

use ipnet::Ipv4Net;

use crate::generate::{
    address_plan::AddressPlan,
    draft::{End, LabDraft, Namespace, Route, namespace_name},
};

/// The interfaces to the neighbours before and after.
const BEFORE: &str = "prev";
const AFTER: &str = "next";
/// Beyond this many hops, the default time to live of 64 may not be enough.
const DEFAULT_REACH: usize = 60;

/// Namespaces that forward, without routes. `hops` is the longest path of a packet.
pub(super) fn routers(lab: &str, count: usize, hops: usize) -> Vec<Namespace> {
    let mut sysctls = vec![("net.ipv4.ip_forward", "1")];
    if hops > DEFAULT_REACH {
        sysctls.push(("net.ipv4.ip_default_ttl", "255"));
    }
    let names = (0..count).map(|index| namespace_name(lab, index));
    names.map(|name| Namespace { sysctls: sysctls.clone(), ..Namespace::new(name) }).collect()
}

/// Joins namespace `index` to `next` by link `index`.
pub(super) fn join(draft: &mut LabDraft, plan: AddressPlan, index: usize, next: usize) {
    let [near, far] = plan.link(index);
    let [a, b] = [index, next].map(|index| draft.namespaces[index].name.as_str());
    draft.links.push([End::new(a, AFTER, near), End::new(b, BEFORE, far)]);
}

/// Routes with the neighbour `via` as their next hop.
pub(super) fn routes(via: Ipv4Net, to: Vec<Ipv4Net>) -> impl Iterator<Item = Route> {
    to.into_iter().map(move |to| Route { to: Some(to), via: via.addr() })
}
