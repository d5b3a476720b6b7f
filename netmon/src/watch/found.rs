//! Links that were found on the host: entered into the inventory, and measured by tracing.
//!
//! Nothing of them is held, and nothing is attached to them. What finds, joins and names them is not here.

use std::collections::{BTreeSet, HashMap};

use log::warn;
use netmon_model::{
    by::Ends,
    error::chain,
    names::{InterfaceId, LinkName},
};

use super::{
    Watch,
    error::WatchError,
    interfaces::InterfaceState,
    inventory::{self, Change, Label, Origin},
    meter::{EndpointChange, Meter},
    state::State,
};
use crate::{
    datapath::{AttachReport, DatapathError, TracedTarget},
    topology::Endpoint,
};

/// One end of a link that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEnd {
    /// The interface.
    pub at: InterfaceId,
    /// Its label. It may change: see [`Meter::relabel_found`].
    pub label: Label,
    /// Whether it is set up.
    pub is_up: bool,
}

/// A link that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLink {
    /// Its name.
    pub name: LinkName,
    /// Its position among all links.
    pub rank: u32,
    /// End `a`.
    pub a: FoundEnd,
    /// End `b`. `None` if it is out of reach.
    pub b: Option<FoundEnd>,
}

impl FoundLink {
    /// Returns the ends that are within reach.
    pub fn ends(&self) -> impl Iterator<Item = &FoundEnd> {
        std::iter::once(&self.a).chain(&self.b)
    }
}

/// What is to change of the links that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundUpdate {
    /// Ends that are no longer measured. Their counters are gone.
    pub forgotten: Vec<InterfaceId>,
    /// Ends that do not exist any more, and keep their counts until they are forgotten.
    pub gone: Vec<InterfaceId>,
    /// Links that have another name now.
    pub parted: Vec<LinkName>,
    /// Links that are new, or differ from what they were.
    pub links: Vec<FoundLink>,
}

impl FoundUpdate {
    /// Returns whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Watch {
    /// Changes which links are measured by tracing, and how they are called.
    ///
    /// # Errors
    ///
    /// Fails if the tracing programs are not loaded, or the kernel refuses to change a map. Names are changed all the same.
    pub fn update_found(&self, update: &FoundUpdate) -> Result<(), WatchError> {
        let mut state = self.shared.lock();
        for error in state.meter.forget_found(&update.forgotten) {
            warn!("{}", chain(&error));
        }
        for at in &update.forgotten {
            state.found.remove(at);
        }
        for at in &update.gone {
            state.found.insert(*at, Found::Gone);
        }
        for name in &update.parted {
            state.meter.inventory.apply(Change::Parted(name.clone()));
        }
        for end in update.links.iter().flat_map(FoundLink::ends) {
            state.meter.relabel_found(end);
            state.found.insert(end.at, if end.is_up { Found::Up } else { Found::Down });
        }
        let watched = state.meter.watch_found(&update.links);
        // None of them has a namespace to follow.
        state.take_endpoint_changes();
        watched
    }

    /// Takes the state of the interfaces of a lab's links that lead into containers: whether each is up, `None` if it does not
    /// exist any more. Returns the links that have just ended.
    pub(crate) fn update_lent(&self, ends: &HashMap<InterfaceId, Option<bool>>) -> BTreeSet<LinkName> {
        let mut state = self.shared.lock();
        let State { meter, found, .. } = &mut *state;
        let mut ended = BTreeSet::new();
        for endpoint in meter.lent() {
            let Some(is_up) = ends.get(&endpoint.at) else { continue };
            let now = is_up.map_or(Found::Gone, |is_up| if is_up { Found::Up } else { Found::Down });
            let before = found.insert(endpoint.at, now);
            if now == Found::Gone && before != Some(Found::Gone) {
                ended.extend(meter.inventory.link_of(endpoint.at).cloned());
            }
        }
        ended
    }

    /// Returns the number of links that are watched.
    #[must_use]
    pub fn links(&self) -> usize {
        self.shared.lock().meter.inventory.links().count()
    }
}

/// The state of an interface that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is set up.
    Up,
    /// It is set down.
    Down,
    /// It does not exist any more.
    Gone,
}

impl From<Found> for InterfaceState {
    /// Nothing of netmon's goes with the interface, and no state of it is a declared one.
    fn from(found: Found) -> Self {
        Self { exists: found != Found::Gone, up: found == Found::Up, hooks_gone: false, drift: Vec::new() }
    }
}

impl Meter {
    /// Measures these links by tracing, from now on. Of one that is measured already, counters stay, and an end may have been
    /// added. After an error, none of the new ends is measured.
    ///
    /// # Errors
    ///
    /// Fails if the tracing programs are not loaded, or the kernel refuses to change a map.
    pub fn watch_found(&mut self, links: &[FoundLink]) -> Result<(), WatchError> {
        let mut new = Vec::new();
        for link in links {
            let ends = Ends { a: Some(link.a.at), b: link.b.as_ref().map(|end| end.at) };
            self.inventory.apply(Change::Joined { link: link.name.clone(), rank: link.rank, ends });
            for FoundEnd { at, label, .. } in link.ends() {
                let change = Change::Appeared { at: *at, label: label.clone(), slot: None };
                new.extend(self.inventory.at(*at).is_none().then(|| self.inventory.apply(change)).flatten());
            }
        }
        let ends = links.iter().flat_map(FoundLink::ends);
        let targets: Vec<TracedTarget> = ends.filter_map(|end| self.traced_target(end.at)).collect();
        if let Err(error) = self.datapath.watch(&targets) {
            let error = WatchError::named(error, &self.inventory);
            for endpoint in new {
                self.inventory.apply(Change::Vanished(endpoint.at));
            }
            return Err(error);
        }
        self.changes.extend(new.into_iter().map(|endpoint| EndpointChange::Added(endpoint.id)));
        Ok(())
    }

    /// Attaches to these endpoints. Those of links that lead into containers are measured by tracing, which attaches nothing to
    /// them and holds nothing of them.
    pub(super) fn attach_new(
        &mut self,
        new: &[(InterfaceId, &Endpoint)],
    ) -> Result<AttachReport, DatapathError> {
        let (lent, own): (Vec<_>, Vec<_>) = new.iter().partition(|(_, endpoint)| endpoint.in_container);
        let traced: Vec<TracedTarget> = lent.iter().filter_map(|(at, _)| self.traced_target(*at)).collect();
        let targets = own.iter().filter_map(|(at, endpoint)| self.target(*at, endpoint)).collect();
        self.datapath.watch(&traced)?;
        self.datapath.attach(targets).inspect_err(|_| {
            // The first error is the one to report.
            self.datapath.unwatch(&traced.iter().map(|target| target.id).collect::<Vec<_>>());
        })
    }

    /// Returns whether an endpoint is of a link that was found on the host. A lab's own are measured by tracing, too, if they
    /// lead into a container.
    pub(super) fn is_found(&self, endpoint: &inventory::Endpoint) -> bool {
        self.datapath.is_traced(endpoint.id) && endpoint.label.origin == Origin::Found
    }

    /// Returns the endpoints of a lab's links that lead into containers.
    pub(super) fn lent(&self) -> impl Iterator<Item = &inventory::Endpoint> {
        let is_lent = |endpoint: &&inventory::Endpoint| {
            self.datapath.is_traced(endpoint.id) && endpoint.label.origin != Origin::Found
        };
        self.inventory.endpoints().filter(is_lent)
    }

    /// Gives the end of a link that was found another label. Has no effect if it is not watched.
    pub fn relabel_found(&mut self, end: &FoundEnd) {
        self.inventory.apply(Change::Relabelled { at: end.at, label: end.label.clone() });
    }

    /// Stops measuring these ends, and removes links that have no end any more. Continues after an error, and returns all
    /// errors.
    pub fn forget_found(&mut self, ends: &[InterfaceId]) -> Vec<WatchError> {
        let links: Vec<LinkName> =
            ends.iter().filter_map(|at| self.inventory.link_of(*at)).cloned().collect();
        let errors = self.drop_endpoints(ends);
        for link in links {
            if self.inventory.link(&link).is_none() {
                self.inventory.apply(Change::Parted(link));
            }
        }
        errors
    }

    pub(super) fn traced_target(&self, at: InterfaceId) -> Option<TracedTarget> {
        let id = self.inventory.at(at)?.id;
        Some(TracedTarget { id, at, peer: self.inventory.peer_of(at).map(|peer| peer.id) })
    }
}
