//! The names of namespaces, interfaces and links, as they are now.

use std::collections::HashMap;

use netmon_kernel::{
    netlink::{Netlink, link},
    netns::{NetNs, names},
};
use netmon_model::names::{LinkName, NsName};

use super::{
    TraceError,
    assemble::{Interface, Places},
};
use crate::ownership::state::{self, State};

/// The loopback interface. What crosses it never left its namespace.
const LOOPBACK: u32 = link::LOOPBACK.0;
const VETH: &str = "veth";

/// The names of the links of all labs, by their ends.
type Links = HashMap<(NsName, String), LinkName>;

/// Reads every namespace that has a name, and the caller's.
///
/// # Errors
///
/// Fails if the kernel refuses a request. A namespace that is deleted meanwhile is left out.
pub(super) fn survey() -> Result<Places, TraceError> {
    let links = links();
    let mut places = Places::default();
    let mut all = names::list()?;
    // Last, so that the caller's namespace is called root even if it has another name as well.
    all.push(NsName::root());
    for name in all {
        match NetNs::open(&name) {
            Ok(namespace) => look_into(&name, &namespace, &links, &mut places)?,
            Err(error) => log::debug!("{error}"),
        }
    }
    Ok(places)
}

fn look_into(name: &NsName, namespace: &NetNs, links: &Links, places: &mut Places) -> Result<(), TraceError> {
    let mut netlink = Netlink::open_in(namespace)?;
    let cookie = netlink.cookie()?.0;
    places.namespaces.insert(cookie, name.to_string());
    for found in netlink.interfaces()? {
        if found.index == LOOPBACK || !is_hook(&found) {
            continue;
        }
        let end = (name.clone(), found.name);
        let link = links.get(&end).map(ToString::to_string);
        let interface = Interface { name: end.1, peer: found.peer_index, link };
        places.interfaces.insert((cookie, found.index), interface);
    }
    Ok(())
}

/// Returns whether a packet passes the interface once on its way: a veth end, or hardware. A bridge or a VLAN lies in
/// front of another interface.
fn is_hook(interface: &link::Interface) -> bool {
    interface.kind.as_deref().is_none_or(|kind| kind == VETH)
}

fn links() -> Links {
    let states = state::labs().into_iter().filter_map(|lab| State::load(&lab));
    let ends = states.flat_map(|state| state.links).flat_map(|link| {
        [link.a, link.b].map(|end| ((end.namespace, end.interface.to_string()), link.name.clone()))
    });
    ends.collect()
}
