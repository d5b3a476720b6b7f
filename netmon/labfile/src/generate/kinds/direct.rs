//! The classic first exercise of `labs/direct.toml`, with any name and in any network.

use ipnet::Ipv4Net;

use crate::generate::{
    address_plan::AddressPlan,
    draft::{End, LabDraft, Namespace, Ping, ROOT},
};

pub(in crate::generate) fn draft(lab: &str, plan: AddressPlan) -> LabDraft {
    let name = format!("{lab}_netns");
    let base = plan.base();
    // The exercise leaves the address of the first host to a gateway.
    let host =
        |number: u32| Ipv4Net::new_assert((u32::from(base.network()) | number).into(), base.prefix_len());
    let ends = [End::new(ROOT, "veth0", host(2)), End::new(&name, "veth1", host(3))];
    LabDraft {
        namespaces: vec![Namespace { without_resolver: true, ..Namespace::new(name) }],
        links: vec![ends],
        ping: Some(Ping { from: None, to: host(3).addr() }),
        ..LabDraft::default()
    }
}
