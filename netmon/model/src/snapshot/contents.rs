//! The contents of a lab's namespaces besides links. They are not measured, but displayed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    lab::Lab,
    names::{IfName, NsName},
};

/// The contents of a namespace besides link ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceContents {
    /// The namespace.
    pub namespace: NsName,
    /// Its bridges, each with its addresses.
    pub bridges: Vec<String>,
    /// The services that run in it.
    pub services: Vec<String>,
    /// The link ends that are ports of its bridges, each with its bridge.
    pub ports: Vec<(IfName, IfName)>,
}

type ByName<'n> = HashMap<&'n NsName, NamespaceContents>;

fn entry<'m, 'n>(all: &'m mut ByName<'n>, name: &'n NsName) -> &'m mut NamespaceContents {
    all.entry(name).or_insert_with(|| NamespaceContents::nothing_in(name))
}

impl NamespaceContents {
    /// Returns the contents of each namespace of a lab, without namespaces that have only link ends: `root` first, then in
    /// the order of the lab file.
    #[must_use]
    pub fn of_lab(lab: &Lab) -> Vec<Self> {
        let mut by_name = ByName::new();
        for bridge in &lab.bridges {
            entry(&mut by_name, &bridge.namespace).bridges.push(bridge.to_string());
        }
        let root = NsName::root();
        for bridge in &lab.foreign_bridges {
            entry(&mut by_name, &root).bridges.push(bridge.to_string());
        }
        for service in &lab.services {
            entry(&mut by_name, &service.namespace).services.push(service.to_string());
        }
        for end in lab.links.iter().flat_map(|link| [&link.a, &link.b]) {
            if let Some(bridge) = &end.bridge {
                entry(&mut by_name, &end.namespace).ports.push((end.interface.clone(), bridge.clone()));
            }
        }
        let own = lab.namespaces.iter().map(|namespace| &namespace.name);
        let names = std::iter::once(&root).chain(own);
        names.filter_map(|name| by_name.remove(name)).collect()
    }

    fn nothing_in(name: &NsName) -> Self {
        Self { namespace: name.clone(), bridges: Vec::new(), services: Vec::new(), ports: Vec::new() }
    }
}
