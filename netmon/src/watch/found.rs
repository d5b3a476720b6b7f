//! Links that were found on the host: entered into the inventory, and measured by tracing.
//!
//! Nothing of them is held, and nothing is attached to them. What finds, joins and names them is not here.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use log::warn;
use netmon_model::{
    by::Ends,
    error::chain,
    names::{InterfaceId, LinkName},
    snapshot::{Device, HostSnapshot},
};

use super::{
    Watch,
    error::WatchError,
    interfaces::InterfaceState,
    inventory::{self, Change, Label},
    meter::Meter,
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
    /// What it is.
    pub device: Device,
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
    /// Changes which links are measured by tracing, and how they are called. Links of labs that are watched here are left as they
    /// are.
    ///
    /// # Errors
    ///
    /// Fails if the tracing programs are not loaded, or the kernel refuses to change a map. Names are changed all the same.
    pub fn update_found(&self, update: &FoundUpdate) -> Result<(), WatchError> {
        let mut state = self.shared.lock();
        for error in state.meter.forget_found(&update.forgotten) {
            warn!("{}", chain(&error));
        }
        let State { meter, found, .. } = &mut *state;
        // What a lab has meanwhile, its links into containers included, is not to be told of here.
        let is_labs =
            |meter: &Meter, at: InterfaceId| meter.inventory.at(at).is_some() && !meter.is_found(at);
        for at in update.forgotten.iter().filter(|at| !is_labs(meter, **at)) {
            found.remove(at);
        }
        for at in update.gone.iter().filter(|at| !is_labs(meter, **at)) {
            if let Some(found) = found.get_mut(at) {
                found.presence = Presence::Gone;
            }
        }
        for name in &update.parted {
            meter.part_found(name);
        }
        for end in update.links.iter().flat_map(FoundLink::ends) {
            if !is_labs(meter, end.at) {
                meter.relabel_found(end);
                found.insert(end.at, Found::from(end));
            }
        }
        meter.watch_found(&update.links)
    }

    /// Says what is known of the host, for readings.
    pub fn set_host(&self, host: HostSnapshot) {
        self.shared.lock().host = Some(Arc::new(host));
    }

    /// Returns the names of the links that are not found ones.
    #[must_use]
    pub fn lab_links(&self) -> BTreeSet<LinkName> {
        let state = self.shared.lock();
        let inventory = &state.meter.inventory;
        inventory.link_names().filter(|name| !state.meter.is_found_link(name)).cloned().collect()
    }

    /// Returns the number of found links that are watched.
    #[must_use]
    pub fn found_links(&self) -> usize {
        let state = self.shared.lock();
        state.meter.inventory.link_names().filter(|name| state.meter.is_found_link(name)).count()
    }

    /// Takes the state of the interfaces of a lab's links that lead into containers: whether each is up, `None` if it does not
    /// exist any more. Returns the links that have just ended.
    pub(crate) fn update_lent(&self, ends: &HashMap<InterfaceId, Option<bool>>) -> BTreeSet<LinkName> {
        let mut state = self.shared.lock();
        let State { meter, found, .. } = &mut *state;
        let mut ended = BTreeSet::new();
        for endpoint in meter.lent() {
            let Some(is_up) = ends.get(&endpoint.at) else { continue };
            let now = is_up.map_or(Presence::Gone, Presence::of);
            let before = found.insert(endpoint.at, Found::lent(now));
            if now == Presence::Gone && before.is_none_or(|before| before.presence != Presence::Gone) {
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

/// What is known of an interface that is measured by tracing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    presence: Presence,
    /// What it is. `None` if a lab made it.
    device: Option<Device>,
}

/// Whether an interface is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// It is set up.
    Up,
    /// It is set down.
    Down,
    /// It does not exist any more.
    Gone,
}

impl Presence {
    fn of(is_up: bool) -> Self {
        if is_up { Self::Up } else { Self::Down }
    }
}

impl From<&FoundEnd> for Found {
    fn from(end: &FoundEnd) -> Self {
        Self { presence: Presence::of(end.is_up), device: Some(end.device.clone()) }
    }
}

impl Found {
    /// The end of a lab's link that leads into a container.
    fn lent(presence: Presence) -> Self {
        Self { presence, device: None }
    }

    /// The same, which the lab sets up in a moment.
    pub(super) fn expected() -> Self {
        Self::lent(Presence::Up)
    }

    /// Nothing of netmon's goes with the interface, and no state of it is a declared one.
    pub(super) fn state(&self) -> InterfaceState {
        let (exists, up) = (self.presence != Presence::Gone, self.presence == Presence::Up);
        InterfaceState { exists, up, hooks_gone: false, drift: Vec::new() }
    }

    pub(super) fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }
}

/// Returns what is known of an endpoint, if it is measured by tracing.
pub(super) fn of<'f>(
    found: &'f HashMap<InterfaceId, Found>,
    meter: &Meter,
    endpoint: &inventory::Endpoint,
) -> Option<&'f Found> {
    found.get(&endpoint.at).filter(|_| meter.datapath.is_traced(endpoint.id))
}

impl Meter {
    /// Returns whether an interface is watched because it was found, and not because a lab has it.
    pub(super) fn is_found(&self, at: InterfaceId) -> bool {
        self.found.contains(&at)
    }

    /// Returns whether a link was found. One without a watched end is no found one.
    pub(super) fn is_found_link(&self, name: &LinkName) -> bool {
        self.inventory.link(name).is_some_and(|link| link.ends().any(|end| self.is_found(end.at)))
    }

    /// Measures these links by tracing, from now on. Of one that is measured already, counters stay, and an end may have been
    /// added. A link with the name or an end of a lab's link is left out. After an error, none of the new ends is measured.
    ///
    /// # Errors
    ///
    /// Fails if the tracing programs are not loaded, or the kernel refuses to change a map.
    pub fn watch_found(&mut self, links: &[FoundLink]) -> Result<(), WatchError> {
        let links: Vec<&FoundLink> = links.iter().filter(|link| self.may_watch(link)).collect();
        let mut new = Vec::new();
        for link in &links {
            let ends = Ends { a: Some(link.a.at), b: link.b.as_ref().map(|end| end.at) };
            self.inventory.apply(Change::Joined { link: link.name.clone(), rank: link.rank, ends });
            for FoundEnd { at, label, .. } in link.ends() {
                let change = Change::Appeared { at: *at, label: label.clone(), slot: None };
                new.extend(self.inventory.at(*at).is_none().then(|| self.inventory.apply(change)).flatten());
            }
        }
        let ends = links.iter().flat_map(|link| link.ends());
        let targets: Vec<TracedTarget> = ends.filter_map(|end| self.traced_target(end.at)).collect();
        if let Err(error) = self.datapath.watch(&targets) {
            let error = WatchError::named(error, &self.inventory);
            for endpoint in new {
                self.inventory.apply(Change::Vanished(endpoint.at));
            }
            return Err(error);
        }
        self.found.extend(new.into_iter().map(|endpoint| endpoint.at));
        Ok(())
    }

    /// Returns whether neither the name nor an end of a link is a lab's.
    fn may_watch(&self, link: &FoundLink) -> bool {
        let is_of_lab = |at: InterfaceId| self.inventory.at(at).is_some() && !self.is_found(at);
        let has_name_of_lab = self.inventory.link(&link.name).is_some() && !self.is_found_link(&link.name);
        !has_name_of_lab && !link.ends().any(|end| is_of_lab(end.at))
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

    /// Returns the endpoints of a lab's links that lead into containers. They are measured by tracing, too, and are no found ones.
    pub(super) fn lent(&self) -> impl Iterator<Item = &inventory::Endpoint> {
        self.inventory.endpoints().filter(|endpoint| self.is_lent(endpoint))
    }

    /// Returns whether an endpoint is of a lab's link that leads into a container.
    fn is_lent(&self, endpoint: &inventory::Endpoint) -> bool {
        self.datapath.is_traced(endpoint.id) && !self.is_found(endpoint.at)
    }

    /// Gives the end of a link that was found another label. Has no effect if it is not watched, or is a lab's.
    pub fn relabel_found(&mut self, end: &FoundEnd) {
        if self.is_found(end.at) {
            self.inventory.apply(Change::Relabelled { at: end.at, label: end.label.clone() });
        }
    }

    /// Takes the name from a link that was found. Has no effect if a lab's link has it.
    pub(super) fn part_found(&mut self, name: &LinkName) {
        if self.is_found_link(name) || self.inventory.link(name).is_none() {
            self.inventory.apply(Change::Parted(name.clone()));
        }
    }

    /// Stops measuring those of these ends that were found, and removes links that have no end any more. Continues after an
    /// error, and returns all errors.
    pub fn forget_found(&mut self, ends: &[InterfaceId]) -> Vec<WatchError> {
        let ends: Vec<InterfaceId> = ends.iter().copied().filter(|at| self.is_found(*at)).collect();
        let links: Vec<LinkName> =
            ends.iter().filter_map(|at| self.inventory.link_of(*at)).cloned().collect();
        let errors = self.drop_endpoints(&ends);
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
