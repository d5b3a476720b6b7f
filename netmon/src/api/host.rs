//! `/api/v1/host`: the namespaces that discovery found, and the interfaces that are not watched, with reasons.
//!
//! Labels of containers are not served, except those of compose: some keep secrets in them, and every user of the host may read
//! this.

use std::collections::BTreeMap;

use netmon_model::{
    names::{Cookie, NsName},
    snapshot::{HostSnapshot, Snapshot},
    survey::{self, LeftOut, Member, NamedBy, Namespace, Pod, Runtime, SkipReason},
};
use serde::{Deserialize, Serialize};

use super::unix_ms;

/// The host, as discovery found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Wall-clock time of the reading, milliseconds since 1970.
    pub taken_at_unix_ms: u64,
    /// Whether this agent discovers links (`netmon run --discover`). If not, the rest is empty.
    pub discovers: bool,
    /// Every namespace, that of the agent first, then by name.
    pub namespaces: Vec<HostNamespace>,
    /// How many interfaces are not watched, by reason.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// The interfaces that are not watched, 1,000 at most.
    pub left_out: Vec<LeftOut>,
    /// What could not be read, and why.
    pub remarks: Vec<String>,
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostNamespace {
    /// Its name, the `netns` label of its metrics.
    pub name: NsName,
    /// The origin of the name.
    pub named_by: NamedBy,
    /// Its identity; null if it could not be opened.
    pub cookie: Option<Cookie>,
    /// What manages it.
    pub runtime: Runtime,
    /// The container that it belongs to; null if it belongs to none.
    pub container: Option<HostContainer>,
    /// The pod that it belongs to; null if it belongs to none.
    pub pod: Option<Pod>,
    /// The containers, machines and units whose processes are inside.
    pub members: Vec<Member>,
    /// The number of processes inside.
    pub processes: usize,
    /// Why it has no better name, or what is unusual about it; null if there is nothing to say.
    pub remark: Option<String>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostContainer {
    /// Its id.
    pub id: String,
    /// Its name; null if that is not known.
    pub name: Option<String>,
    /// Its image; null if that is not known.
    pub image: Option<String>,
    /// The project of compose; null if it belongs to none.
    pub compose_project: Option<String>,
    /// The service of compose; null if it belongs to none.
    pub compose_service: Option<String>,
}

impl Host {
    /// Takes the host of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let taken_at_unix_ms = unix_ms(snapshot.taken_at);
        let Some(host) = snapshot.host.as_deref() else {
            return Self { taken_at_unix_ms, ..Self::default() };
        };
        let HostSnapshot { namespaces, skipped, left_out, remarks } = host;
        Self {
            taken_at_unix_ms,
            discovers: true,
            namespaces: namespaces.iter().map(HostNamespace::from).collect(),
            skipped: skipped.clone(),
            left_out: left_out.clone(),
            remarks: remarks.clone(),
        }
    }

    /// Returns the number of interfaces that are not watched.
    #[must_use]
    pub fn skipped_interfaces(&self) -> usize {
        self.skipped.values().sum()
    }
}

impl From<&Namespace> for HostNamespace {
    fn from(netns: &Namespace) -> Self {
        Self {
            name: netns.name.clone(),
            named_by: netns.named_by,
            cookie: netns.cookie,
            runtime: netns.runtime,
            container: netns.container.as_ref().map(HostContainer::from),
            pod: netns.pod.clone(),
            members: netns.members.clone(),
            processes: netns.processes,
            remark: netns.remark.clone(),
        }
    }
}

impl From<&survey::Container> for HostContainer {
    fn from(container: &survey::Container) -> Self {
        Self {
            id: container.id.clone(),
            name: container.name.clone(),
            image: container.image.clone(),
            compose_project: container.compose_project().map(str::to_owned),
            compose_service: container.compose_service().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn labels_of_a_container_are_not_served() {
        let mut snapshot = fixtures::direct();
        let namespaces = fixtures::survey().namespaces;
        snapshot.host = Some(Arc::new(HostSnapshot { namespaces, ..HostSnapshot::default() }));
        let host = Host::of(&snapshot);
        let web = host.namespaces.iter().find(|netns| netns.name.as_str() == "shop.web").unwrap();
        let container = web.container.as_ref().unwrap();
        assert_eq!(container.compose_project.as_deref(), Some("shop"));
        let json = serde_json::to_string(&host).unwrap();
        assert!(!json.contains("tier") && !json.contains("front"), "{json}");
    }

    #[test]
    fn an_agent_that_discovers_nothing_says_so() {
        let host = Host::of(&fixtures::direct());
        assert!(!host.discovers && host.namespaces.is_empty());
        assert_eq!(host.skipped_interfaces(), 0);
    }
}
