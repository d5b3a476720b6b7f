//! The state of each watched interface: whether it exists, is up, and keeps its name and its bridge.
//!
//! [`Interfaces`] is what is known, as plain data. A [`Follower`] keeps it up to date, driven by rtnetlink events, never by
//! polling. What another program changes is reported and not repaired: `netmon reload` makes the lab match its file again.

mod follower;
mod tracked;

use std::collections::{BTreeSet, HashMap, HashSet, hash_map::Entry};

use log::{info, warn};
use netmon_kernel::{
    netlink::{link::Interface, watch::LinkEvent},
    netns::NetnsId,
};
use netmon_model::{
    drift::Drift,
    names::{EndName, EndpointId, IfIndex, NsName},
    snapshot::AttachMode,
};

pub(super) use self::follower::{Follower, Observer, Subscription};
use self::tracked::{Listed, Presence, TrackedInterface};

/// The state of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InterfaceState {
    /// Whether it is in its namespace.
    pub(super) exists: bool,
    /// Whether it exists and is up.
    pub(super) up: bool,
    /// Whether the programs on its hooks went with it.
    pub(super) hooks_gone: bool,
    /// How it differs from the lab because of another program.
    pub(super) drift: Vec<Drift>,
}

/// The state of all watched interfaces.
#[derive(Debug)]
pub(super) struct Interfaces {
    mode: AttachMode,
    endpoints: HashMap<EndpointId, TrackedInterface>,
    namespaces: HashMap<NetnsId, Namespace>,
    netns_of: HashMap<EndpointId, NetnsId>,
}

#[derive(Debug)]
struct Namespace {
    name: NsName,
    endpoints: HashMap<IfIndex, EndpointId>,
    /// The bridges that endpoints are ports of.
    bridges: HashMap<IfIndex, Bridge>,
}

#[derive(Debug)]
struct Bridge {
    tracked: TrackedInterface,
    /// The endpoints that are its ports. A bridge without any is not tracked.
    ports: HashSet<EndpointId>,
}

/// An endpoint to follow.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) id: EndpointId,
    pub(super) netns: NetnsId,
    pub(super) namespace: NsName,
    pub(super) ifindex: IfIndex,
    pub(super) interface: EndName,
}

impl Interfaces {
    /// Creates an empty set. Whether programs go with an interface depends on how they are attached.
    pub(super) fn new(mode: AttachMode) -> Self {
        Self { mode, endpoints: HashMap::new(), namespaces: HashMap::new(), netns_of: HashMap::new() }
    }

    /// Starts tracking an endpoint. Its state in `listed`, and that of its bridge, are the expected ones.
    pub(super) fn add(&mut self, endpoint: Followed, listed: &[Interface]) {
        let Followed { id, netns, namespace, ifindex, interface } = endpoint;
        let there = self.namespaces.entry(netns).or_insert_with(|| Namespace {
            name: namespace,
            endpoints: HashMap::new(),
            bridges: HashMap::new(),
        });
        there.endpoints.insert(ifindex, id);
        self.endpoints.insert(id, TrackedInterface::new(ifindex, interface));
        self.netns_of.insert(id, netns);
        self.reset(id, listed);
    }

    /// Takes the state of an endpoint in `listed` as the expected one: it was configured again.
    pub(super) fn reset(&mut self, id: EndpointId, listed: &[Interface]) {
        let Some(tracked) = self.endpoints.get_mut(&id) else { return };
        let Some(there) = self.netns_of.get(&id).and_then(|netns| self.namespaces.get_mut(netns)) else {
            return;
        };
        let before = tracked.bridge();
        tracked.init(listed);
        if before != tracked.bridge() {
            before.inspect(|bridge| there.remove_port(*bridge, id));
        }
        tracked.bridge().inspect(|bridge| there.add_port(*bridge, id, listed));
    }

    /// Returns the endpoints that differ from their expected state.
    pub(super) fn drifted(&self) -> impl Iterator<Item = EndpointId> {
        self.endpoints.iter().filter(|(_, tracked)| !tracked.drift().is_empty()).map(|(id, _)| *id)
    }

    /// Stops tracking an endpoint. Returns its namespace if no other endpoint is tracked there.
    pub(super) fn remove(&mut self, id: EndpointId) -> Option<NetnsId> {
        let tracked = self.endpoints.remove(&id)?;
        let netns = self.netns_of.remove(&id)?;
        let there = self.namespaces.get_mut(&netns)?;
        tracked.bridge().inspect(|bridge| there.remove_port(*bridge, id));
        there.endpoints.remove(&tracked.ifindex);
        if !there.endpoints.is_empty() {
            return None;
        }
        self.namespaces.remove(&netns);
        Some(netns)
    }

    /// Returns the state of an endpoint's interface. One that is not tracked does not exist.
    pub(super) fn state(&self, id: EndpointId) -> InterfaceState {
        let Some(tracked) = self.endpoints.get(&id) else {
            return InterfaceState { hooks_gone: true, ..InterfaceState::default() };
        };
        let exists = tracked.presence == Presence::There;
        InterfaceState {
            exists,
            up: exists && tracked.up,
            hooks_gone: self.hooks_gone(tracked),
            drift: tracked.drift(),
        }
    }

    /// A TCX program moves with its interface. A filter is lost with its qdisc, which the kernel recreates in the other
    /// namespace.
    fn hooks_gone(&self, tracked: &TrackedInterface) -> bool {
        match self.mode {
            AttachMode::Tcx | AttachMode::Tracing | AttachMode::Count => {
                tracked.presence == Presence::Deleted
            }
            AttachMode::Clsact => tracked.was_away,
        }
    }

    /// Returns how many changes of an endpoint's interface were announced so far.
    pub(super) fn changes(&self, id: EndpointId) -> u64 {
        self.endpoints.get(&id).map_or(0, |tracked| tracked.changes)
    }

    /// Returns the endpoints whose programs were lost with their interface or its qdisc.
    pub(super) fn without_hooks(&self) -> impl Iterator<Item = EndpointId> {
        self.endpoints.iter().filter(|(_, tracked)| self.hooks_gone(tracked)).map(|(id, _)| *id)
    }

    /// Returns whether an announcement may be about an endpoint, or a bridge that endpoints are ports of.
    fn is_about_watched(&self, netns: NetnsId, event: &LinkEvent) -> bool {
        let there = self.namespaces.get(&netns);
        let is_watched = |index| {
            there.is_some_and(|one| one.endpoints.contains_key(&index) || one.bridges.contains_key(&index))
        };
        event.subject().is_none_or(is_watched)
    }

    /// Updates the interfaces of a namespace after announcements. `listed` is `None` if the kernel could not be read.
    fn announced(&mut self, netns: NetnsId, announced: &[LinkEvent], listed: Option<&Listed>) {
        let subjects = listed.and_then(|listed| listed.subjects.as_ref());
        self.update(netns, subjects, |tracked| {
            tracked.record(announced);
            if let Some(listed) = listed {
                tracked.apply(listed, announced);
            }
        });
    }

    /// Takes into account whether a namespace's name still leads to it.
    pub(super) fn named(&mut self, netns: NetnsId, leads_here: bool) {
        self.update(netns, None, |tracked| tracked.unnamed = !leads_here);
    }

    /// Changes what is known of these interfaces in a namespace, and of the ports of those that are bridges; of all if
    /// `subjects` is `None`. Logs what is new.
    fn update(
        &mut self,
        netns: NetnsId,
        subjects: Option<&BTreeSet<IfIndex>>,
        change: impl Fn(&mut TrackedInterface),
    ) {
        let Some(there) = self.namespaces.get_mut(&netns) else { return };
        for id in there.concerned(subjects) {
            if let Some(tracked) = self.endpoints.get_mut(&id) {
                logged(&there.name, tracked, &change);
            }
        }
        for (index, bridge) in &mut there.bridges {
            if subjects.is_none_or(|subjects| subjects.contains(index)) {
                logged(&there.name, &mut bridge.tracked, &change);
            }
        }
    }
}

impl Namespace {
    fn add_port(&mut self, bridge: IfIndex, port: EndpointId, listed: &[Interface]) {
        let name = || listed.iter().find(|one| one.index == bridge.0)?.name.parse().ok();
        let entry = match self.bridges.entry(bridge) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Some(name) = name() else { return };
                let mut tracked = TrackedInterface::new(bridge, name);
                tracked.init(listed);
                entry.insert(Bridge { tracked, ports: HashSet::new() })
            }
        };
        entry.ports.insert(port);
    }

    fn remove_port(&mut self, bridge: IfIndex, port: EndpointId) {
        let Entry::Occupied(mut entry) = self.bridges.entry(bridge) else { return };
        entry.get_mut().ports.remove(&port);
        if entry.get().ports.is_empty() {
            entry.remove();
        }
    }

    /// Returns the endpoints among `subjects`, and the ports of bridges among them. Returns all endpoints if it is `None`.
    fn concerned(&self, subjects: Option<&BTreeSet<IfIndex>>) -> HashSet<EndpointId> {
        let Some(subjects) = subjects else { return self.endpoints.values().copied().collect() };
        let own = subjects.iter().filter_map(|index| self.endpoints.get(index));
        let ports = subjects.iter().filter_map(|index| self.bridges.get(index)).flat_map(|one| &one.ports);
        own.chain(ports).copied().collect()
    }
}

/// Changes what is known of an interface, and logs what is new.
fn logged(namespace: &NsName, tracked: &mut TrackedInterface, change: impl Fn(&mut TrackedInterface)) {
    let before = tracked.drift();
    change(tracked);
    let (interface, after) = (&tracked.interface, tracked.drift());
    for new in after.iter().filter(|new| !before.contains(new)) {
        warn!("{interface} in {namespace} {new}");
    }
    if after.is_empty() && !before.is_empty() {
        info!("{interface} in {namespace} matches the lab again");
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::mac::Mac;

    use super::*;

    const NETNS: NetnsId = NetnsId { device: 4, inode: 7 };

    fn listed(name: &str, index: u32, controller: Option<u32>) -> Interface {
        Interface {
            index,
            name: name.to_owned(),
            up: true,
            mac: Some(Mac([2, 0, 0, 0, 0, index as u8])),
            controller,
            ..Default::default()
        }
    }

    fn all_of(list: &[Interface]) -> Listed {
        Listed { interfaces: list.to_vec(), subjects: None }
    }

    fn followed(id: u32, ifindex: u32) -> Followed {
        Followed {
            id: EndpointId(id),
            netns: NETNS,
            namespace: "one".parse().unwrap(),
            ifindex: IfIndex(ifindex),
            interface: format!("veth{ifindex}").parse().unwrap(),
        }
    }

    #[test]
    fn one_endpoint_comes_and_goes_without_the_others_noticing() {
        let mut all = Interfaces::new(AttachMode::Tcx);
        let list = [listed("veth3", 3, None), listed("veth4", 4, None)];
        all.add(followed(0, 3), &list);
        all.announced(NETNS, &[LinkEvent::Changed(IfIndex(3))], Some(&all_of(&list)));
        all.add(followed(1, 4), &list[1..]);
        assert_eq!((all.changes(EndpointId(0)), all.changes(EndpointId(1))), (1, 0));
        assert!(all.state(EndpointId(1)).up);
        assert_eq!(all.remove(EndpointId(1)), None);
        assert_eq!(all.remove(EndpointId(0)), Some(NETNS));
        assert!(!all.state(EndpointId(0)).exists);
    }

    #[test]
    fn programs_go_with_a_deleted_interface_and_filters_also_with_one_that_was_away() {
        for (mode, gone_after_return) in [(AttachMode::Tcx, false), (AttachMode::Clsact, true)] {
            let mut all = Interfaces::new(mode);
            let list = [listed("veth3", 3, None)];
            all.add(followed(0, 3), &list);
            all.announced(NETNS, &[LinkEvent::Moved(IfIndex(3))], Some(&all_of(&[])));
            assert_eq!(all.state(EndpointId(0)).drift, [Drift::Moved]);
            all.announced(NETNS, &[LinkEvent::Changed(IfIndex(3))], Some(&all_of(&list)));
            assert_eq!(all.without_hooks().count() > 0, gone_after_return, "{mode:?}");
        }
    }

    #[test]
    fn a_bridge_that_is_set_down_is_reported_at_its_port() {
        let mut all = Interfaces::new(AttachMode::Tcx);
        let port = listed("veth3", 3, Some(9));
        all.add(followed(0, 3), &[port.clone(), listed("br0", 9, None)]);
        let down = Interface { up: false, ..listed("br0", 9, None) };
        all.announced(NETNS, &[], Some(&all_of(&[port, down])));
        assert_eq!(all.state(EndpointId(0)).drift, [Drift::BridgeDown { bridge: "br0".to_owned() }]);
    }

    #[test]
    fn announcements_of_foreign_interfaces_are_not_looked_into() {
        let mut all = Interfaces::new(AttachMode::Tcx);
        all.add(followed(0, 3), &[listed("veth3", 3, Some(9)), listed("br0", 9, None)]);
        let is_about = |event| all.is_about_watched(NETNS, &event);
        assert!(is_about(LinkEvent::Changed(IfIndex(3))) && is_about(LinkEvent::Gone(IfIndex(9))));
        assert!(is_about(LinkEvent::Lost));
        assert!(!is_about(LinkEvent::Changed(IfIndex(4))));
        let elsewhere = NetnsId { device: 4, inode: 8 };
        assert!(!all.is_about_watched(elsewhere, &LinkEvent::Changed(IfIndex(3))));
    }

    #[test]
    fn an_announcement_concerns_its_interface_or_the_ports_of_its_bridge() {
        let mut all = Interfaces::new(AttachMode::Tcx);
        let list = [listed("veth3", 3, Some(9)), listed("veth4", 4, None), listed("br0", 9, None)];
        all.add(followed(0, 3), &list);
        all.add(followed(1, 4), &list);
        let concerned = |all: &Interfaces, index| {
            all.namespaces[&NETNS].concerned(Some(&BTreeSet::from([IfIndex(index)])))
        };
        assert_eq!(concerned(&all, 4), HashSet::from([EndpointId(1)]));
        assert_eq!(concerned(&all, 9), HashSet::from([EndpointId(0)]));
        let down = Interface { up: false, ..listed("br0", 9, None) };
        let read = Listed { interfaces: vec![down], subjects: Some(BTreeSet::from([IfIndex(9)])) };
        all.announced(NETNS, &[LinkEvent::Changed(IfIndex(9))], Some(&read));
        assert_eq!(all.state(EndpointId(0)).drift, [Drift::BridgeDown { bridge: "br0".to_owned() }]);
        assert_eq!(all.state(EndpointId(1)).drift, []);
        all.reset(EndpointId(0), &[listed("veth3", 3, None)]);
        assert_eq!((concerned(&all, 9), all.state(EndpointId(0)).drift), (HashSet::new(), Vec::new()));
    }

    #[test]
    fn a_list_that_cannot_be_read_changes_nothing_but_the_count_of_changes() {
        let mut all = Interfaces::new(AttachMode::Tcx);
        all.add(followed(0, 3), &[listed("veth3", 3, None)]);
        all.announced(NETNS, &[LinkEvent::Lost], None);
        assert_eq!(all.changes(EndpointId(0)), 1);
        assert_eq!(all.state(EndpointId(0)).drift, []);
    }
}
