//! Namespaces with a link between every two of them: all are neighbours, so none forwards.

use crate::generate::{
    address_plan::AddressPlan,
    draft::{End, LabDraft, Namespace, Ping, namespace_name},
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: AddressPlan) -> LabDraft {
    let names: Vec<_> = (0..count).map(|index| namespace_name(lab, index)).collect();
    let mut draft = LabDraft::default();
    for (first, a) in names.iter().enumerate() {
        for (second, b) in names.iter().enumerate().skip(first + 1) {
            let [near, far] = plan.link(draft.links.len());
            // An interface is named after the namespace at the other end.
            let to = |peer: usize| format!("to-{}", peer + 1);
            draft.links.push([End::new(a, to(second), near), End::new(b, to(first), far)]);
            if first == 0 {
                draft.ping = Some(Ping { from: Some(a.clone()), to: far.addr() });
            }
        }
    }
    draft.namespaces = names.into_iter().map(Namespace::new).collect();
    draft
}
