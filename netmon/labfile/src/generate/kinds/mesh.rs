//! Namespaces with a link from each to each other: everybody is a neighbour, nobody forwards.

use crate::generate::{
    draft::{Draft, End, Namespace, Ping, namespace_name},
    plan::Plan,
};

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: Plan) -> Draft {
    let names: Vec<_> = (0..count).map(|index| namespace_name(lab, index)).collect();
    let mut draft = Draft::default();
    for (first, a) in names.iter().enumerate() {
        for (second, b) in names.iter().enumerate().skip(first + 1) {
            let [near, far] = plan.link(draft.links.len());
            // An interface is called after the namespace at its other end.
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
