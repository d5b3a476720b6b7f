//! Namespaces on one bridge in root: one network, no router.

use crate::generate::{
    address_plan::AddressPlan,
    draft::{Bridge, End, LabDraft, Namespace, Ping, ROOT, namespace_name, root_interface},
};

/// The bridge's name.
const BRIDGE: &str = "br0";

pub(in crate::generate) fn draft(lab: &str, count: usize, plan: AddressPlan) -> LabDraft {
    let mut draft = LabDraft::default();
    let mut addresses = plan.hosts_of_one_network(count + 1);
    draft.bridge = addresses.next().map(|address| Bridge { name: BRIDGE, address });
    for (index, address) in addresses.enumerate() {
        let name = namespace_name(lab, index);
        let port = End {
            namespace: ROOT.to_owned(),
            interface: root_interface(lab, index),
            address: None,
            bridge: Some(BRIDGE),
        };
        draft.links.push([port, End::new(&name, "eth0", address)]);
        draft.namespaces.push(Namespace::new(name));
        draft.ping = Some(Ping { from: None, to: address.addr() });
    }
    draft
}
