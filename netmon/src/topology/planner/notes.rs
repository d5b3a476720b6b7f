//! What a plan does not change and a user should know: networks that the host has already, and links that nothing passes.

use ipnet::IpNet;
use netmon_model::{
    lab::Link,
    names::{IfName, NsName, Place},
};

use super::Planner;
use crate::ownership::mark::Owner;

impl Planner<'_> {
    /// Returns a sentence for each.
    pub(super) fn notes(&self) -> Vec<String> {
        let in_root = self.addresses.iter().filter(|(place, _)| place.namespace.is_root());
        let on_host = in_root.flat_map(|(place, addresses)| self.host_notes(place, addresses));
        on_host.chain(self.lab.links.iter().filter_map(separate_networks)).collect()
    }

    /// Returns notes about foreign interfaces in root that have an address in a network of this one. Of two equal routes,
    /// the kernel uses one, so either the lab or what is there cannot be reached.
    fn host_notes(&self, place: &Place, addresses: &[IpNet]) -> Vec<String> {
        let mut notes = Vec::new();
        let inside = self.actual.contents(&NsName::root()).into_iter().flat_map(|inside| &inside.interfaces);
        for (name, there) in inside.filter(|(_, there)| there.owner == Owner::Foreign) {
            for theirs in there.addresses.iter().map(|there| there.net).filter(|net| !is_link_local(net)) {
                let clashing = addresses.iter().find(|ours| overlap(ours, &theirs));
                notes.extend(clashing.map(|ours| clash(&place.interface, ours, name, &theirs)));
            }
        }
        notes
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.addr()) || other.contains(&one.addr())
}

fn is_link_local(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local())
}

fn clash(interface: &IfName, ours: &IpNet, name: &str, theirs: &IpNet) -> String {
    let what = if ours.addr() == theirs.addr() { "the same address" } else { "the same network" };
    format!(
        "interface {name} of this host has {what} as {interface} of the lab ({theirs} and {ours}): one of the two may not \
         be reached"
    )
}

/// Returns a note about a link whose ends have addresses, and none of one end in a network of the other.
fn separate_networks(link: &Link) -> Option<String> {
    let (a, b) = (&link.a.addresses, &link.b.addresses);
    let (first, second) = (a.first()?, b.first()?);
    let meet = a.iter().any(|a| b.iter().any(|b| overlap(a, b)));
    (!meet).then(|| {
        format!(
            "the ends of link {} are in different networks ({first} and {second}): they cannot reach each other",
            link.name
        )
    })
}
