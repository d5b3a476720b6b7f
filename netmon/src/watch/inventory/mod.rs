//! The inventory: which interfaces are watched, what they are called, and which of them are joined by a link.
//!
//! Identity and label are apart. An interface is known by its namespace's cookie and its number there, and has a slot in
//! the kernel's maps; what it is called stands beside and may change. A link is known by its name; it may be that only
//! one of its ends is known. There may be no lab, one, or more.
//!
//! The inventory changes by one [`Change`] at a time, in any order: what comes of it depends on the facts alone. It is
//! pure: it holds no descriptor, and does not know how anything is counted.

mod slots;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;
use netmon_model::{
    by::Ends,
    names::{EndpointId, IfName, InterfaceId, LabName, LinkName, NsName, Side},
    snapshot::LabInfo,
};

use self::slots::Slots;

/// What an endpoint is called, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The namespace, as a lab or the host calls it.
    pub namespace: NsName,
    /// The interface.
    pub interface: IfName,
    /// Its addresses, with their prefix.
    pub addresses: Vec<IpNet>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where an endpoint comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A lab declares it.
    Lab(LabName),
    /// It was there already.
    Found,
}

/// An interface that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its slot in the kernel's maps.
    pub id: EndpointId,
    /// The interface.
    pub at: InterfaceId,
    /// What it is called.
    pub label: Label,
}

/// One change of the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An interface is there. `slot` is the one that an earlier agent counted it in, if one did.
    Appeared {
        /// The interface.
        at: InterfaceId,
        /// What it is called.
        label: Label,
        /// The slot that is reserved for it.
        slot: Option<EndpointId>,
    },
    /// An interface is gone, or is to be watched no more.
    Vanished(InterfaceId),
    /// An interface is called something else. Nothing happens if it is not there.
    Relabelled {
        /// The interface.
        at: InterfaceId,
        /// What it is called now.
        label: Label,
    },
    /// These interfaces are the ends of a link, whether they are there or not. The link's earlier ends are forgotten.
    Joined {
        /// The link.
        link: LinkName,
        /// Its place among all links.
        rank: u32,
        /// Its ends; `b` may be unknown.
        ends: Ends<Option<InterfaceId>>,
    },
    /// There is no such link any more.
    Parted(LinkName),
}

/// All that is watched.
#[derive(Debug, Default)]
pub struct Inventory {
    endpoints: BTreeMap<EndpointId, Endpoint>,
    by_interface: HashMap<InterfaceId, EndpointId>,
    /// Every link's ends, also those that are not there.
    joined: HashMap<LinkName, Joined>,
    /// The links in the order in which they are shown.
    order: BTreeSet<(u32, LinkName)>,
    /// The link of each interface.
    link_of: HashMap<InterfaceId, LinkName>,
    slots: Slots,
    labs: Vec<LabInfo>,
}

#[derive(Clone, Debug)]
struct Joined {
    rank: u32,
    ends: Ends<Option<InterfaceId>>,
}

/// A link of which at least one end is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'i> {
    /// Its name.
    pub name: &'i LinkName,
    /// End `a`; the other end if that is the only one that is there.
    pub a: &'i Endpoint,
    /// The other end, if both are there.
    pub b: Option<&'i Endpoint>,
}

impl<'i> Link<'i> {
    /// The end on `side`, if it is there.
    #[must_use]
    pub fn end(&self, side: Side) -> Option<&'i Endpoint> {
        match side {
            Side::A => Some(self.a),
            Side::B => self.b,
        }
    }

    /// The ends that are there.
    pub fn ends(&self) -> impl Iterator<Item = &'i Endpoint> + use<'i> {
        std::iter::once(self.a).chain(self.b)
    }
}

impl Inventory {
    /// An empty inventory in which these slots are taken, until they are named by [`Change::Appeared`] or freed.
    #[must_use]
    pub fn with_reserved(slots: impl Iterator<Item = EndpointId>) -> Self {
        Self { slots: Slots::holding(slots), ..Self::default() }
    }

    /// Takes a change into account. The work depends on what changes, not on how much is watched.
    ///
    /// Returns the endpoint that was added or removed; `None` if none was.
    pub fn apply(&mut self, change: Change) -> Option<Endpoint> {
        match change {
            Change::Appeared { at, label, slot } => self.appear(at, label, slot),
            Change::Vanished(at) => {
                let id = self.by_interface.remove(&at)?;
                self.slots.give_back(id);
                self.endpoints.remove(&id)
            }
            Change::Relabelled { at, label } => {
                let id = self.by_interface.get(&at)?;
                self.endpoints.get_mut(id)?.label = label;
                None
            }
            Change::Joined { link, rank, ends } => {
                self.part(&link);
                for at in ends.iter().flatten() {
                    self.link_of.insert(*at, link.clone());
                }
                self.order.insert((rank, link.clone()));
                self.joined.insert(link, Joined { rank, ends });
                None
            }
            Change::Parted(link) => {
                self.part(&link);
                None
            }
        }
    }

    fn appear(&mut self, at: InterfaceId, label: Label, slot: Option<EndpointId>) -> Option<Endpoint> {
        if let Some(endpoint) = self.by_interface.get(&at).and_then(|id| self.endpoints.get_mut(id)) {
            endpoint.label = label;
            return None;
        }
        let id = slot.unwrap_or_else(|| self.slots.take());
        let endpoint = Endpoint { id, at, label };
        self.by_interface.insert(at, id);
        self.endpoints.insert(id, endpoint.clone());
        Some(endpoint)
    }

    fn part(&mut self, link: &LinkName) {
        let Some(Joined { rank, ends }) = self.joined.remove(link) else { return };
        self.order.remove(&(rank, link.clone()));
        for at in ends.iter().flatten() {
            if self.link_of.get(at) == Some(link) {
                self.link_of.remove(at);
            }
        }
    }

    /// Frees slots that were reserved for endpoints that did not appear.
    pub fn free(&mut self, slots: impl IntoIterator<Item = EndpointId>) {
        slots.into_iter().for_each(|slot| self.slots.give_back(slot));
    }

    /// The endpoint in a slot.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(&id)
    }

    /// The endpoint that an interface is.
    #[must_use]
    pub fn at(&self, at: InterfaceId) -> Option<&Endpoint> {
        self.endpoints.get(self.by_interface.get(&at)?)
    }

    /// Every endpoint, in the order of the slots.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    /// The ends that a link was given last, whether they are there or not.
    #[must_use]
    pub fn joined(&self, link: &LinkName) -> Option<&Ends<Option<InterfaceId>>> {
        self.joined.get(link).map(|joined| &joined.ends)
    }

    /// A link, if at least one of its ends is there.
    #[must_use]
    pub fn link(&self, name: &LinkName) -> Option<Link<'_>> {
        let (name, joined) = self.joined.get_key_value(name)?;
        let mut there = joined.ends.iter().flatten().filter_map(|at| self.at(*at));
        Some(Link { name, a: there.next()?, b: there.next() })
    }

    /// The name of the link that an interface is an end of.
    #[must_use]
    pub fn link_of(&self, at: InterfaceId) -> Option<&LinkName> {
        self.link_of.get(&at)
    }

    /// The other end of an endpoint's link, if it is there.
    #[must_use]
    pub fn peer_of(&self, at: InterfaceId) -> Option<&Endpoint> {
        let ends = self.joined(self.link_of(at)?)?;
        ends.iter().flatten().find(|end| **end != at).and_then(|peer| self.at(*peer))
    }

    /// Every link of which at least one end is there: in the order of their ranks, and of their names within one.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        self.order.iter().filter_map(|(_, name)| self.link(name))
    }

    /// The names of all links, also of those without an end that is there.
    pub fn link_names(&self) -> impl Iterator<Item = &LinkName> {
        self.order.iter().map(|(_, name)| name)
    }

    /// The labs that are watched.
    #[must_use]
    pub fn labs(&self) -> &[LabInfo] {
        &self.labs
    }

    /// Adds a lab, or replaces what is known of it.
    pub fn set_lab(&mut self, info: LabInfo) {
        match self.labs.iter_mut().find(|lab| lab.name == info.name) {
            Some(lab) => *lab = info,
            None => self.labs.push(info),
        }
    }

    /// Forgets a lab. Its endpoints vanish by changes of their own.
    pub fn remove_lab(&mut self, name: &LabName) {
        self.labs.retain(|lab| lab.name != *name);
    }
}
