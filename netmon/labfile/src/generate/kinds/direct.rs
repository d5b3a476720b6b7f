//! The classic first exercise, as `labs/direct.toml` has it, under any name and in any network.

use ipnet::Ipv4Net;

use crate::generate::{
    draft::{Draft, End, Namespace, Ping, ROOT},
    plan::Plan,
};

pub(in crate::generate) fn draft(lab: &str, plan: Plan) -> Draft {
    let name = format!("{lab}_netns");
    let base = plan.base();
    // The first host's address is left to a gateway, as the exercise has it.
    let host =
        |number: u32| Ipv4Net::new_assert((u32::from(base.network()) | number).into(), base.prefix_len());
    let ends = [End::new(ROOT, "veth0", host(2)), End::new(&name, "veth1", host(3))];
    Draft {
        namespaces: vec![Namespace { without_resolver: true, ..Namespace::new(name) }],
        links: vec![ends],
        ping: Some(Ping { from: None, to: host(3).addr() }),
        ..Draft::default()
    }
}
