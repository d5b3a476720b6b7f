//! The state behind the lock of [`super::Watch`].

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use log::debug;
use netmon_kernel::netns::{NetNs, NetnsId};
use netmon_model::{
    error::chain,
    names::{EndpointId, InterfaceId, LinkName, NsName, Place},
    snapshot::HostSnapshot,
};

use super::{
    audit::{AuditTarget, Audited, Auditor},
    baselines::Baselines,
    found::Found,
    interfaces::{Followed, Interfaces},
    inventory,
    meter::{EndpointChange, Meter},
};

/// Everything that is watched.
pub(super) struct State {
    pub(super) meter: Meter,
    pub(super) interfaces: Interfaces,
    /// `None` while an audit is under way.
    pub(super) auditor: Option<Auditor>,
    /// Changes of endpoints that the next audit applies first.
    pub(super) audit_changes: Vec<AuditChange>,
    /// The latest audits.
    pub(super) audits: HashMap<EndpointId, Audited>,
    pub(super) baselines: Baselines,
    /// Links whose hooks a comparison has reserved.
    pub(super) compared: HashSet<LinkName>,
    /// The interfaces of links that were found.
    pub(super) found: HashMap<InterfaceId, Found>,
    /// What discovery knows of the host. `None` if links are not discovered.
    pub(super) host: Option<Arc<HostSnapshot>>,
}

/// A change of an endpoint for the auditor.
pub(super) enum AuditChange {
    Add(AuditTarget),
    Remove(EndpointId),
}

impl AuditChange {
    pub(super) fn id(&self) -> EndpointId {
        match self {
            Self::Add(target) => target.id,
            Self::Remove(id) => *id,
        }
    }
}

/// Endpoints of one namespace.
pub(super) struct Group {
    pub(super) netns: Arc<NetNs>,
    pub(super) namespace: NsName,
    pub(super) endpoints: Vec<Followed>,
}

impl State {
    /// Returns the interfaces to follow from now on, and the namespaces to release.
    pub(super) fn take_endpoint_changes(&mut self) -> (Vec<Group>, HashSet<NetnsId>) {
        let (mut added, mut emptied) = (Vec::new(), HashSet::new());
        for change in self.meter.take_changes() {
            match change {
                EndpointChange::Removed(id) => {
                    emptied.extend(self.interfaces.remove(id));
                    self.audit_changes.push(AuditChange::Remove(id));
                    self.audits.remove(&id);
                    self.baselines.remove(id);
                }
                EndpointChange::Added(id) => {
                    self.expect_lent(id);
                    added.push(id);
                }
            }
        }
        let groups = self.by_namespace(added);
        for group in &groups {
            // The same change may have removed and added it.
            emptied.remove(&group.netns.identity());
        }
        (groups, emptied)
    }

    /// Takes an interface that leads into a container as up, until it is said otherwise: the lab sets it up in a moment.
    fn expect_lent(&mut self, id: EndpointId) {
        if let Some(endpoint) = self.meter.inventory.endpoint(id)
            && self.meter.datapath.is_traced(id)
        {
            self.found.entry(endpoint.at).or_insert_with(Found::expected);
        }
    }

    /// Returns the endpoints that a change has configured, and those that had drifted.
    pub(super) fn configured(&self, configured: &HashSet<Place>) -> Vec<Group> {
        let names: HashSet<(&str, &str)> =
            configured.iter().map(|place| (place.namespace.as_str(), place.interface.as_str())).collect();
        let is_configured = |endpoint: &&inventory::Endpoint| {
            let inventory::Label { namespace, interface, .. } = &endpoint.label;
            names.contains(&(namespace.as_str(), interface.as_str()))
        };
        let endpoints = self.meter.inventory.endpoints().filter(is_configured).map(|endpoint| endpoint.id);
        let all: HashSet<EndpointId> = endpoints.chain(self.interfaces.drifted()).collect();
        self.by_namespace(all)
    }

    /// Groups endpoints by the namespace that they are in.
    fn by_namespace(&self, ids: impl IntoIterator<Item = EndpointId>) -> Vec<Group> {
        let mut groups: HashMap<NetnsId, Group> = HashMap::new();
        for id in ids {
            let Some(endpoint) = self.meter.inventory.endpoint(id) else { continue };
            let Some(netns) = self.meter.datapath.netns(id) else { continue };
            let group = groups.entry(netns.identity()).or_insert_with(|| Group {
                netns: Arc::clone(netns),
                namespace: endpoint.label.namespace.clone(),
                endpoints: Vec::new(),
            });
            group.endpoints.push(Followed {
                id,
                netns: netns.identity(),
                namespace: endpoint.label.namespace.clone(),
                ifindex: endpoint.at.ifindex,
                interface: endpoint.label.interface.clone(),
            });
        }
        groups.into_values().collect()
    }

    /// Stops watching those links of labs that `goes` selects, and those with an end whose interface was recreated without netmon's
    /// programs: the change attaches to these again.
    pub(super) fn drop_links(&mut self, goes: impl Fn(&LinkName) -> bool) {
        let inventory = &self.meter.inventory;
        let bare =
            self.interfaces.without_hooks().filter_map(|id| inventory.link_of(inventory.endpoint(id)?.at));
        let goes = |name: &&LinkName| !self.meter.is_found_link(name) && goes(name);
        let links: HashSet<&LinkName> = inventory.link_names().filter(goes).chain(bare).collect();
        let links = links.into_iter().filter_map(|name| inventory.link(name));
        let going: Vec<InterfaceId> = links.flat_map(|link| link.ends().map(|end| end.at)).collect();
        for error in self.meter.drop_endpoints(&going) {
            debug!("{}", chain(&error));
        }
    }
}
