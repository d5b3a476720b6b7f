//! Namespaces with one link each to root, which is their default route.

use crate::generate::{
    address_plan::AddressPlan,
    draft::{End, LabDraft, Namespace, Ping, ROOT, Route, namespace_name, root_interface},
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: AddressPlan) -> LabDraft {
    let mut draft = LabDraft::default();
    for index in 0..count {
        let name = namespace_name(lab, index);
        let [near, far] = plan.link(index);
        draft.links.push([End::new(ROOT, root_interface(lab, index), near), End::new(&name, "eth0", far)]);
        let out = Route { to: None, via: near.addr() };
        draft.namespaces.push(Namespace { routes: vec![out], ..Namespace::new(name) });
        draft.ping = Some(Ping { from: None, to: far.addr() });
    }
    draft
}
