//! The families that say what namespaces and interfaces are: ids and names by which other exporters know them.
//!
//! Other series have only labels that stay the same when a container is started again. A query joins them with these.

use std::collections::BTreeSet;

use netmon_model::{
    names::NsName,
    snapshot::{Device, EndpointSnapshot, LinkSnapshot, Snapshot},
    survey::{Container, SkipReason},
};

use super::{names, text::Writer};

/// What the ends of a lab's links are.
const VETH: &str = "veth";

/// Writes what every endpoint is.
pub(super) fn endpoints(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::ENDPOINT_INFO);
    for link in &snapshot.links {
        for (end, peer) in with_peers(link) {
            let unknown =
                Device { name: end.interface.to_string(), kind: VETH.to_owned(), ..Device::default() };
            let Device { name, kind, mac, bridge } = end.device.as_ref().unwrap_or(&unknown);
            let mode = end.hooks.ingress.attached.map_or("", |mode| mode.as_str());
            let values = [
                link.name.as_str(),
                end.namespace.as_str(),
                end.interface.as_str(),
                name,
                &end.ifindex.to_string(),
                kind,
                peer.map_or("", |peer| peer.namespace.as_str()),
                peer.map_or("", |peer| peer.interface.as_str()),
                &mac.map(|mac| mac.to_string()).unwrap_or_default(),
                bridge.as_deref().unwrap_or_default(),
                mode,
            ];
            family.flag(values, true);
        }
    }
}

/// Returns each end of a link with the other one.
fn with_peers(link: &LinkSnapshot) -> impl Iterator<Item = (&EndpointSnapshot, Option<&EndpointSnapshot>)> {
    std::iter::once((&link.a, link.b.as_ref())).chain(link.b.iter().map(|b| (b, Some(&link.a))))
}

/// Writes what each namespace with a watched interface is, as discovery found it.
pub(super) fn namespaces(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::NETNS_INFO);
    let Some(host) = snapshot.host.as_deref() else { return };
    let used: BTreeSet<&NsName> =
        snapshot.links.iter().flat_map(LinkSnapshot::ends).map(|end| &end.namespace).collect();
    for netns in host.namespaces.iter().filter(|netns| used.contains(&netns.name)) {
        let container = netns.container.as_ref();
        let of_container =
            |pick: fn(&Container) -> Option<&str>| container.and_then(pick).unwrap_or_default();
        let pod = netns.pod.as_ref();
        let values = [
            netns.name.as_str(),
            netns.runtime.as_str(),
            of_container(|container| container.name.as_deref()),
            of_container(|container| Some(&container.id)),
            of_container(|container| container.image.as_deref()),
            of_container(Container::compose_project),
            of_container(Container::compose_service),
            pod.map_or("", |pod| &pod.name),
            pod.map_or("", |pod| &pod.namespace),
            pod.and_then(|pod| pod.uid.as_deref()).unwrap_or_default(),
            &netns.cookie.map(|cookie| cookie.0.to_string()).unwrap_or_default(),
            &netns.members.len().to_string(),
        ];
        family.flag(values, true);
    }
}

/// Writes how many interfaces of the host are left out, by reason.
pub(super) fn skipped(snapshot: &Snapshot, to: &mut Writer) {
    let mut family = to.family(names::DISCOVER_SKIPPED);
    let Some(host) = snapshot.host.as_deref() else { return };
    for reason in SkipReason::ALL {
        let count = host.skipped.get(&reason).copied().unwrap_or_default();
        family.count([reason.label()], count as u64);
    }
}
