//! What a lab has in its namespaces beside links: not measured, but drawn.

use serde::{Deserialize, Serialize};

use crate::{
    lab::Lab,
    names::{IfName, NsName},
};

/// What a lab has in a namespace beside its links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceContents {
    /// The namespace.
    pub namespace: NsName,
    /// Its bridges, each with its addresses.
    pub bridges: Vec<String>,
    /// What runs in it.
    pub services: Vec<String>,
    /// The ends of links that are ports of its bridges, each with its bridge.
    pub ports: Vec<(IfName, IfName)>,
}

impl NamespaceContents {
    /// What a lab has in each namespace, where it has anything.
    #[must_use]
    pub fn of(lab: &Lab) -> Vec<Self> {
        let root = NsName::root();
        let names = std::iter::once(&root).chain(lab.namespaces.iter().map(|namespace| &namespace.name));
        names.map(|name| Self::of_namespace(lab, name)).filter(|one| !one.is_empty()).collect()
    }

    fn of_namespace(lab: &Lab, name: &NsName) -> Self {
        let bridges = lab.bridges.iter().filter(|bridge| bridge.namespace == *name);
        let services = lab.services.iter().filter(|service| service.namespace == *name);
        let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]).filter(|end| end.namespace == *name);
        Self {
            namespace: name.clone(),
            bridges: bridges.map(ToString::to_string).collect(),
            services: services.map(ToString::to_string).collect(),
            ports: ends.filter_map(|end| Some((end.interface.clone(), end.bridge.clone()?))).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.bridges.is_empty() && self.services.is_empty() && self.ports.is_empty()
    }
}
