//! The inventory: the watched interfaces, their labels, and the links that they form.
//!
//! Identity and label are separate. An interface is identified by its namespace's cookie and its ifindex, and has a slot in
//! the kernel's maps. Its label may change. A link is identified by its name; one of its ends may be unknown. There may be
//! no lab, one, or several.
//!
//! The inventory changes by one [`Change`] at a time. Changes of different subjects commute: the result depends on the facts
//! alone. It is pure: it holds no descriptor, and does not know how packets are counted.

mod slots;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;
use netmon_model::{
    by::Ends,
    names::{EndName, EndpointId, InterfaceId, LabName, LinkName, NsName, Side},
    snapshot::LabInfo,
};

use self::slots::Slots;

/// The label of an endpoint, and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The name of the namespace, from the lab or the host.
    pub namespace: NsName,
    /// The interface.
    pub interface: EndName,
    /// Its addresses, with their prefix.
    pub addresses: Vec<IpNet>,
    /// Its origin.
    pub origin: Origin,
}

/// The origin of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A lab declares it.
    Lab(LabName),
    /// It existed already.
    Found,
}

/// An interface that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its slot in the kernel's maps.
    pub id: EndpointId,
    /// The interface.
    pub at: InterfaceId,
    /// Its label.
    pub label: Label,
}

/// A change of the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An interface exists.
    Appeared {
        /// The interface.
        at: InterfaceId,
        /// Its label.
        label: Label,
        /// The reserved slot in which an earlier agent counted it, if one did.
        slot: Option<EndpointId>,
    },
    /// An interface is gone or no longer watched.
    Vanished(InterfaceId),
    /// An interface has another label. Has no effect if the interface is not in the inventory.
    Relabelled {
        /// The interface.
        at: InterfaceId,
        /// Its new label.
        label: Label,
    },
    /// These interfaces are the ends of a link, whether they have appeared or not. They replace the link's earlier ends.
    Joined {
        /// The link.
        link: LinkName,
        /// Its position among all links.
        rank: u32,
        /// Its ends; `None` for `b` if that is not known.
        ends: Ends<Option<InterfaceId>>,
    },
    /// The link no longer exists.
    Parted(LinkName),
}

/// The inventory.
///
/// ```
/// use netmon::watch::inventory::{Change, Inventory, Label, Origin};
/// use netmon_model::names::{Cookie, IfIndex, InterfaceId};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let at = InterfaceId { netns: Cookie(1), ifindex: IfIndex(2) };
/// let label = |interface: &str| -> Result<_, Box<dyn std::error::Error>> {
///     let (namespace, interface) = ("web".parse()?, interface.parse()?);
///     Ok(Label { namespace, interface, addresses: Vec::new(), origin: Origin::Found })
/// };
/// let mut inventory = Inventory::default();
/// inventory.apply(Change::Appeared { at, label: label("eth0")?, slot: None });
/// let id = inventory.at(at).ok_or("it has appeared")?.id;
///
/// // A renamed interface keeps its identity and its slot.
/// inventory.apply(Change::Relabelled { at, label: label("eth1")? });
/// let endpoint = inventory.endpoint(id).ok_or("it is still there")?;
/// assert_eq!((endpoint.at, endpoint.label.interface.as_str()), (at, "eth1"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Inventory {
    endpoints: BTreeMap<EndpointId, Endpoint>,
    by_interface: HashMap<InterfaceId, EndpointId>,
    /// The ends of every link, including those that have not appeared.
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

/// A link of which at least one end is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'i> {
    /// Its name.
    pub name: &'i LinkName,
    /// End `a`, or end `b` if only that one is watched.
    pub a: &'i Endpoint,
    /// The other end, if both are watched.
    pub b: Option<&'i Endpoint>,
}

impl<'i> Link<'i> {
    /// Returns the end on `side`, if it is watched.
    #[must_use]
    pub fn end(&self, side: Side) -> Option<&'i Endpoint> {
        match side {
            Side::A => Some(self.a),
            Side::B => self.b,
        }
    }

    /// Returns the watched ends.
    pub fn ends(&self) -> impl Iterator<Item = &'i Endpoint> + use<'i> {
        std::iter::once(self.a).chain(self.b)
    }
}

impl Inventory {
    /// Creates an empty inventory in which these slots are reserved until [`Change::Appeared`] names them or they are freed.
    #[must_use]
    pub fn with_reserved(slots: impl Iterator<Item = EndpointId>) -> Self {
        Self { slots: Slots::holding(slots), ..Self::default() }
    }

    /// Applies a change. The work depends on the change, not on the size of the inventory.
    ///
    /// Returns the endpoint that was added or removed, if any.
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

    /// Returns the endpoint in a slot.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.endpoints.get(&id)
    }

    /// Returns the endpoint with this identity.
    #[must_use]
    pub fn at(&self, at: InterfaceId) -> Option<&Endpoint> {
        self.endpoints.get(self.by_interface.get(&at)?)
    }

    /// Returns all endpoints, in the order of their slots.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = &Endpoint> {
        self.endpoints.values()
    }

    /// Returns the declared position and ends of a link, whether these have appeared or not.
    #[must_use]
    pub fn joined(&self, link: &LinkName) -> Option<(u32, Ends<Option<InterfaceId>>)> {
        self.joined.get(link).map(|joined| (joined.rank, joined.ends))
    }

    /// Returns a link, if at least one of its ends is watched.
    #[must_use]
    pub fn link(&self, name: &LinkName) -> Option<Link<'_>> {
        let (name, joined) = self.joined.get_key_value(name)?;
        let mut there = joined.ends.iter().flatten().filter_map(|at| self.at(*at));
        Some(Link { name, a: there.next()?, b: there.next() })
    }

    /// Returns the name of the link that an interface is an end of.
    #[must_use]
    pub fn link_of(&self, at: InterfaceId) -> Option<&LinkName> {
        self.link_of.get(&at)
    }

    /// Returns the other end of an endpoint's link, if it is watched.
    #[must_use]
    pub fn peer_of(&self, at: InterfaceId) -> Option<&Endpoint> {
        let (_, ends) = self.joined(self.link_of(at)?)?;
        ends.iter().flatten().find(|end| **end != at).and_then(|peer| self.at(*peer))
    }

    /// Returns every link of which at least one end is watched, ordered by rank, then by name.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        self.order.iter().filter_map(|(_, name)| self.link(name))
    }

    /// Returns the names of all links, including those without a watched end.
    pub fn link_names(&self) -> impl ExactSizeIterator<Item = &LinkName> {
        self.order.iter().map(|(_, name)| name)
    }

    /// Returns the watched labs.
    #[must_use]
    pub fn labs(&self) -> &[LabInfo] {
        &self.labs
    }

    /// Adds a lab, or replaces its information.
    pub fn set_lab(&mut self, info: LabInfo) {
        match self.labs.iter_mut().find(|lab| lab.name == info.name) {
            Some(lab) => *lab = info,
            None => self.labs.push(info),
        }
    }

    /// Removes a lab. Its endpoints are removed by changes of their own.
    pub fn remove_lab(&mut self, name: &LabName) {
        self.labs.retain(|lab| lab.name != *name);
    }
}
