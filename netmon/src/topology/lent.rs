//! What a lab uses of the host and does not own: the namespaces of running containers, and bridges.
//!
//! Links are added to them and taken away again, and nothing else of them is changed. A container's namespace is open only
//! while the host is read and the plan carried out.

use std::collections::BTreeSet;

use netmon_kernel::netns::{NetNs, NetnsId};
use netmon_model::{
    error::chain,
    lab::Lab,
    names::{IfName, NsName, Place},
};

use super::{
    actual::{Actual, ActualInterface},
    error::TopologyError,
};
use crate::{discover::Containers, ownership::mark::Owner};

/// Opens the namespaces of a lab's containers, each under the name that the lab has for it. `root` is the identity of root.
///
/// # Errors
///
/// [`TopologyError::Conflict`] with every container that does not run, or cannot be used.
pub(super) fn open_containers(lab: &Lab, root: NetnsId) -> Result<Vec<(NsName, NetNs)>, TopologyError> {
    if lab.containers.is_empty() {
        return Ok(Vec::new());
    }
    let containers = Containers::read()?;
    let (mut opened, mut refused, mut seen) = (Vec::new(), Vec::new(), BTreeSet::from([root]));
    for there in &lab.containers {
        match containers.open(&there.container) {
            Ok(netns) if seen.insert(netns.identity()) => opened.push((there.name.clone(), netns)),
            Ok(_) => refused.push(format!(
                "container {} has the network of another namespace of lab {}",
                there.container, lab.name
            )),
            Err(error) => refused.push(chain(&error)),
        }
    }
    if refused.is_empty() { Ok(opened) } else { Err(TopologyError::Conflict(refused)) }
}

/// Returns what is wrong with the bridges that a lab uses and does not own.
pub(super) fn missing_bridges(lab: &Lab, actual: &Actual) -> Vec<String> {
    let wrong = |name: &IfName| match root_interface(actual, name) {
        None => Some(format!("bridge {name} does not exist, and lab {} does not own it", lab.name)),
        Some(there) if there.owner == Owner::Ours => Some(format!(
            "bridge {name} was created by lab {}: remove `owned = false`, or the bridge",
            lab.name
        )),
        Some(there) if !there.is_bridge => Some(format!("interface {name} is not a bridge")),
        Some(_) => None,
    };
    lab.foreign_bridges.iter().filter_map(wrong).collect()
}

/// Returns a bridge in root that a lab uses and does not own. `None` for any other interface.
pub(super) fn foreign_bridge<'a>(
    lab: &Lab,
    actual: &'a Actual,
    place: &Place,
) -> Option<&'a ActualInterface> {
    let is_listed = place.namespace.is_root() && lab.foreign_bridges.contains(&place.interface);
    is_listed.then(|| root_interface(actual, &place.interface)).flatten()
}

fn root_interface<'a>(actual: &'a Actual, name: &IfName) -> Option<&'a ActualInterface> {
    actual.contents(&NsName::root())?.interfaces.get(name.as_str())
}
