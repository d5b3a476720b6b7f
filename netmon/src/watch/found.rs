//! Links that were found on the host: entered into the inventory, and measured by tracing.
//!
//! Nothing of them is held, and nothing is attached to them. What finds, joins and names them is not here.

use netmon_model::{
    by::Ends,
    names::{InterfaceId, LinkName},
};

use super::{
    error::WatchError,
    inventory::{Change, Label},
    meter::{EndpointChange, Meter},
};
use crate::datapath::TracedTarget;

/// One end of a link that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEnd {
    /// The interface.
    pub at: InterfaceId,
    /// Its label. It may change: see [`Meter::relabel_found`].
    pub label: Label,
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
    fn ends(&self) -> impl Iterator<Item = &FoundEnd> {
        std::iter::once(&self.a).chain(&self.b)
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
            for FoundEnd { at, label } in link.ends() {
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

    fn traced_target(&self, at: InterfaceId) -> Option<TracedTarget> {
        let id = self.inventory.at(at)?.id;
        Some(TracedTarget { id, at, peer: self.inventory.peer_of(at).map(|peer| peer.id) })
    }
}
