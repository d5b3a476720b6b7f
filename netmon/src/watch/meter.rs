//! The meter: the inventory and the datapath that counts for it. It attaches to the endpoints that a topology hands over
//! and reads their counts.
//!
//! It follows no interface, audits nothing and starts no thread: that is [`super::Watch`].

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::SystemTime,
};

use log::{debug, info, warn};
use netmon_kernel::pins::PinDirectory;
use netmon_model::{
    by::Ends,
    error::chain,
    names::{EndpointId, InterfaceId, LinkName, Side},
    snapshot::{Features, Flow, Snapshot},
};

use super::{
    assemble::{Observed, assemble},
    error::WatchError,
    given::{GivenLink, at, given_links},
    inventory::{self, Change, Inventory, Label, Origin},
};
use crate::{
    datapath::{Connection, Counts, Datapath, DatapathError, Options, Target},
    ownership::Claim,
    topology::{AttachObserver, BoxError, Endpoint},
};

/// An inventory, and the datapath that counts for it.
pub struct Meter {
    pub(super) inventory: Inventory,
    pub(super) datapath: Datapath,
    /// Where the endpoints that a topology hands over come from.
    origin: Origin,
    /// Endpoints added and removed since the last call of [`Meter::take_changes`], in order.
    pub(super) changes: Vec<EndpointChange>,
    /// A digest of each link that the last [`Meter::attach`] was given, by rank. A link with the same digest is the same, which
    /// saves a look into the inventory. Empty if that call failed, or something was dropped since.
    digests: Vec<u64>,
    hasher: RandomState,
    /// The interfaces that are watched because they were found: no topology hands them over, and no change of them is reported.
    pub(super) found: HashSet<InterfaceId>,
}

/// An endpoint that the meter started or stopped watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndpointChange {
    Added(EndpointId),
    Removed(EndpointId),
}

impl Meter {
    /// Loads the datapath. It is attached to no endpoint yet.
    ///
    /// # Errors
    ///
    /// Fails if a privilege is missing, or the kernel refuses the object.
    pub fn load(options: &Options) -> Result<Self, DatapathError> {
        Ok(Self::with(Datapath::load(options)?))
    }

    /// Loads the datapath with everything pinned in a lab's directory: see [`Datapath::load_pinned`].
    ///
    /// # Errors
    ///
    /// As [`Datapath::load_pinned`].
    pub fn load_pinned(options: &Options, folder: PinDirectory) -> Result<Self, DatapathError> {
        Ok(Self::with(Datapath::load_pinned(options, folder)?))
    }

    fn with(datapath: Datapath) -> Self {
        let inventory = Inventory::with_reserved(datapath.recorded_slots());
        Self {
            inventory,
            datapath,
            origin: Origin::Found,
            changes: Vec::new(),
            digests: Vec::new(),
            hasher: RandomState::new(),
            found: HashSet::new(),
        }
    }

    /// Sets the lab of the endpoints that a topology hands over.
    #[must_use]
    pub fn for_lab(mut self, claim: &Claim) -> Self {
        self.origin = Origin::Lab(claim.lab().clone());
        self
    }

    /// Returns the inventory.
    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Returns the features of this kernel, and how programs are attached.
    #[must_use]
    pub fn features(&self) -> Features {
        self.datapath.features()
    }

    /// Returns the datapath.
    #[must_use]
    pub fn datapath(&self) -> &Datapath {
        &self.datapath
    }

    /// Watches exactly these endpoints, beside those that were found. Those that are watched already stay attached, even if they
    /// were renamed. One that was found is this lab's from now on, and starts from zero. After an error, the watched endpoints
    /// are those of before.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses a program or an attachment.
    pub fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), WatchError> {
        let found: Vec<InterfaceId> = endpoints.iter().map(at).filter(|at| self.is_found(*at)).collect();
        for error in self.forget_found(&found) {
            debug!("{}", chain(&error));
        }
        let digests: Vec<u64> = given_links(endpoints).map(|link| self.hasher.hash_one(link)).collect();
        let is_same = |link: &GivenLink<'_>| {
            let at = link.rank as usize;
            self.digests.get(at) == digests.get(at) || self.has(link)
        };
        let (same, changed): (Vec<_>, Vec<_>) = given_links(endpoints).partition(is_same);
        let same_ends = same.iter().map(|link| link.ends.len()).sum();
        if (same.len(), same_ends) != (self.inventory.link_names().len(), self.inventory.endpoints().len()) {
            self.drop_unwanted(endpoints);
        }
        let new = self.take_facts(&changed);
        let report = match self.attach_new(&new) {
            Ok(report) => report,
            Err(error) => {
                let error = WatchError::named(error, &self.inventory);
                for (at, _) in new {
                    self.inventory.apply(Change::Vanished(at));
                }
                self.digests.clear();
                return Err(error);
            }
        };
        if report.adopted > 0 {
            info!("resuming the counters of {} endpoints", report.adopted);
        }
        for id in &report.restarted {
            warn!(
                "{}: the recorded programs are no longer attached; counters restart from zero",
                self.shown(*id)
            );
        }
        for id in &report.unstamped {
            warn!(
                "{}: its qdisc uses departure times itself, so packets leave it without a stamp: no latency and no \
                 loss in this direction",
                self.shown(*id)
            );
        }
        self.inventory.free(report.freed);
        let added = new.iter().filter_map(|(at, _)| Some(EndpointChange::Added(self.inventory.at(*at)?.id)));
        self.changes.extend(added);
        self.digests = digests;
        Ok(())
    }

    /// Returns the endpoints added and removed since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<EndpointChange> {
        std::mem::take(&mut self.changes)
    }

    /// Detaches from endpoints that are no longer wanted, or that now belong to another link.
    fn drop_unwanted(&mut self, endpoints: &[Endpoint]) {
        let wanted: HashMap<InterfaceId, &LinkName> =
            endpoints.iter().map(|endpoint| (at(endpoint), &endpoint.link)).collect();
        let is_unwanted = |endpoint: &&inventory::Endpoint| {
            !self.is_found(endpoint.at)
                && wanted.get(&endpoint.at).copied() != self.inventory.link_of(endpoint.at)
        };
        let going: Vec<InterfaceId> =
            self.inventory.endpoints().filter(is_unwanted).map(|endpoint| endpoint.at).collect();
        // Usually their interfaces are already deleted, and their hooks with them.
        for error in self.drop_endpoints(&going) {
            debug!("{}", chain(&error));
        }
        let links: HashSet<&LinkName> = wanted.into_values().collect();
        let is_parted = |name: &&LinkName| !links.contains(name) && !self.is_found_link(name);
        let parted: Vec<LinkName> = self.inventory.link_names().filter(is_parted).cloned().collect();
        for link in parted {
            self.inventory.apply(Change::Parted(link));
        }
    }

    /// Detaches from endpoints and removes them from the inventory. Continues after an error, and returns all errors.
    pub(super) fn drop_endpoints(&mut self, going: &[InterfaceId]) -> Vec<WatchError> {
        let ids: Vec<EndpointId> = going.iter().filter_map(|at| Some(self.inventory.at(*at)?.id)).collect();
        let of_labs = going.iter().filter(|at| !self.is_found(**at));
        let reported: Vec<EndpointId> = of_labs.filter_map(|at| Some(self.inventory.at(*at)?.id)).collect();
        if !reported.is_empty() {
            self.digests.clear();
        }
        let errors = self.datapath.detach(&ids);
        let errors = errors.into_iter().map(|error| WatchError::named(error, &self.inventory)).collect();
        // Their slots are cleared, so they can be used again.
        for at in going {
            self.inventory.apply(Change::Vanished(*at));
            self.found.remove(at);
        }
        self.changes.extend(reported.into_iter().map(EndpointChange::Removed));
        errors
    }

    /// Returns whether the inventory has a link exactly like this.
    fn has(&self, link: &GivenLink<'_>) -> bool {
        let has_end = |endpoint: &Endpoint| {
            let known = self.inventory.at(at(endpoint));
            known.is_some_and(|known| self.has_label(&known.label, endpoint))
        };
        self.inventory.joined(link.name) == Some((link.rank, link.ends_at())) && link.ends.iter().all(has_end)
    }

    /// Enters links and the labels of their endpoints into the inventory. Returns the new endpoints.
    fn take_facts<'e>(&mut self, links: &[GivenLink<'e>]) -> Vec<(InterfaceId, &'e Endpoint)> {
        for link in links {
            let (link, rank, ends) = (link.name.clone(), link.rank, link.ends_at());
            self.inventory.apply(Change::Joined { link, rank, ends });
        }
        let mut new = Vec::new();
        for (link, endpoint) in links.iter().flat_map(|link| link.ends.iter().map(move |end| (link, end))) {
            let (at, label) = (at(endpoint), self.label(endpoint));
            if self.inventory.at(at).is_some() {
                self.inventory.apply(Change::Relabelled { at, label });
            } else {
                let slot = self.recorded_slot(&link.ends_at(), endpoint.side);
                self.inventory.apply(Change::Appeared { at, label, slot });
                new.push((at, endpoint));
            }
        }
        new
    }

    /// Returns whether `label` is that of an endpoint.
    fn has_label(&self, label: &Label, endpoint: &Endpoint) -> bool {
        let Label { namespace, interface, addresses, origin } = label;
        *interface == endpoint.interface
            && (namespace, addresses, origin) == (&endpoint.namespace, &endpoint.addresses, &self.origin)
    }

    fn label(&self, endpoint: &Endpoint) -> Label {
        Label {
            namespace: endpoint.namespace.clone(),
            interface: endpoint.interface.clone().into(),
            addresses: endpoint.addresses.clone(),
            origin: self.origin.clone(),
        }
    }

    /// Returns the slot in which an earlier agent counted an end of a link, if it counted both ends.
    fn recorded_slot(&self, ends: &Ends<Option<InterfaceId>>, side: Side) -> Option<EndpointId> {
        let [a, b] = self.datapath.recorded(ends.a?, ends.b?)?;
        Some(Ends { a, b }[side])
    }

    pub(super) fn target(&self, at: InterfaceId, endpoint: &Endpoint) -> Option<Target> {
        let id = self.inventory.at(at)?.id;
        let peer = self.inventory.peer_of(at).map(|peer| peer.id);
        Some(Target { id, at, netns: Arc::clone(&endpoint.netns), peer })
    }

    fn shown(&self, id: EndpointId) -> String {
        self.inventory.endpoint(id).map_or_else(
            || format!("endpoint {id}"),
            |endpoint| format!("{} in {}", endpoint.label.interface, endpoint.label.namespace),
        )
    }

    /// Reads all counts.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to read a map.
    pub fn counts(&mut self) -> Result<Counts, DatapathError> {
        self.datapath.counts()
    }

    /// Reads all counts into a snapshot. It has no audits and no probes, and does not know whether interfaces are up.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to read a map.
    pub fn snapshot(&mut self) -> Result<Snapshot, DatapathError> {
        let counts = self.counts()?;
        let observed =
            Observed { taken_at: SystemTime::now(), features: self.features(), ..Observed::default() };
        Ok(assemble(&self.inventory, counts, observed))
    }

    /// Returns the TCP connections and conversations over UDP that are tracked now, in no particular order.
    #[must_use]
    pub fn flows(&self) -> Vec<Flow> {
        self.datapath.connections().iter().filter_map(|one| self.flow(one)).collect()
    }

    fn flow(&self, connection: &Connection) -> Option<Flow> {
        let endpoint = self.inventory.endpoint(connection.endpoint)?;
        Some(Flow {
            protocol: connection.protocol,
            link: self.inventory.link_of(endpoint.at)?.clone(),
            namespace: endpoint.label.namespace.clone(),
            interface: endpoint.label.interface.clone(),
            local: connection.local,
            remote: connection.remote,
            opened_by: connection.opened_by,
            state: connection.state,
            age_ns: connection.age_ns,
            idle_ns: connection.idle_ns,
            ingress: connection.counts.ingress,
            egress: connection.counts.egress,
            rtt_ns: connection.rtt_ns,
        })
    }

    /// Returns the endpoints of a link.
    ///
    /// # Errors
    ///
    /// Fails if no such link is watched.
    pub fn ends_of(&self, link: &LinkName) -> Result<Vec<EndpointId>, WatchError> {
        let ends: Vec<EndpointId> =
            self.inventory.link(link).iter().flat_map(inventory::Link::ends).map(|end| end.id).collect();
        if ends.is_empty() { Err(WatchError::NoSuchLink(link.clone())) } else { Ok(ends) }
    }

    /// Detaches the programs from a link's hooks, or attaches them again. Its counters stay.
    ///
    /// # Errors
    ///
    /// Fails if no such link is watched, or the kernel refuses.
    pub fn set_hooks(&mut self, link: &LinkName, on: bool) -> Result<(), WatchError> {
        let ends = self.ends_of(link)?;
        let set = if on { self.datapath.hooks_on(&ends) } else { self.datapath.hooks_off(&ends) };
        set.map_err(|error| WatchError::named(error, &self.inventory))
    }

    /// Detaches from all endpoints. Pinned programs stay attached and continue to count.
    pub fn release(&mut self) -> Vec<WatchError> {
        if self.datapath.pinned().is_some() {
            self.datapath.leave();
            return Vec::new();
        }
        let all: Vec<InterfaceId> = self.inventory.endpoints().map(|endpoint| endpoint.at).collect();
        self.drop_endpoints(&all)
    }
}

impl AttachObserver for Meter {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        Ok(Self::attach(self, endpoints)?)
    }
}
