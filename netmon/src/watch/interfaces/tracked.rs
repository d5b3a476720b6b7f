//! The state of one tracked interface, derived from what the kernel lists and announces. Pure.

use std::collections::BTreeSet;

use netmon_kernel::netlink::{link::Interface, watch::LinkEvent};
use netmon_model::{
    drift::Drift,
    mac::Mac,
    names::{EndName, IfIndex},
};

/// Where an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    /// In another namespace, with the programs that were on it.
    Moved,
    Deleted,
}

/// What was read of a namespace after announcements.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) interfaces: Vec<Interface>,
    /// The interfaces that were read, whether they exist or not; `None` if all were.
    pub(super) subjects: Option<BTreeSet<IfIndex>>,
}

impl Listed {
    /// Returns whether an interface that is not listed does not exist.
    fn covers(&self, index: IfIndex) -> bool {
        self.subjects.as_ref().is_none_or(|subjects| subjects.contains(&index))
    }
}

/// An interface of the lab: an end of a link, or a bridge that ends are ports of.
#[derive(Clone, Debug)]
pub(super) struct TrackedInterface {
    pub(super) ifindex: IfIndex,
    /// As the lab calls it.
    pub(super) interface: EndName,
    pub(super) presence: Presence,
    /// Whether it was absent at some time, which removes its qdiscs and their filters.
    pub(super) was_away: bool,
    pub(super) up: bool,
    /// Number of announced changes: of its state, its qdisc, its offloads.
    pub(super) changes: u64,
    /// Whether the name of its namespace was deleted or refers to another namespace.
    pub(super) unnamed: bool,
    name: String,
    mac: Option<Mac>,
    /// The bridge that it was a port of when tracking began.
    bridge: Option<Bridge>,
}

#[derive(Clone, Debug)]
struct Bridge {
    index: u32,
    name: String,
    is_left: bool,
    is_down: bool,
}

impl TrackedInterface {
    /// Creates the state of an interface that has not been read yet.
    pub(super) fn new(ifindex: IfIndex, interface: EndName) -> Self {
        Self {
            ifindex,
            name: interface.to_string(),
            interface,
            presence: Presence::There,
            was_away: false,
            up: false,
            changes: 0,
            unnamed: false,
            mac: None,
            bridge: None,
        }
    }

    /// Takes the state in the namespace's list as the expected one.
    pub(super) fn init(&mut self, listed: &[Interface]) {
        let Some(seen) = by_index(listed, self.ifindex.0) else {
            (self.presence, self.was_away) = (Presence::Deleted, true);
            return;
        };
        (self.presence, self.up, self.mac) = (Presence::There, seen.up, seen.mac);
        self.name.clone_from(&seen.name);
        let bridge = seen.controller.and_then(|index| by_index(listed, index));
        self.bridge = bridge.map(|bridge| Bridge {
            index: bridge.index,
            name: bridge.name.clone(),
            is_left: false,
            is_down: !bridge.up,
        });
    }

    /// Returns the ifindex of the bridge that it was a port of.
    pub(super) fn bridge(&self) -> Option<IfIndex> {
        self.bridge.as_ref().map(|bridge| IfIndex(bridge.index))
    }

    /// Counts announced changes. A lost announcement may have been about any interface, so it counts.
    pub(super) fn record(&mut self, announced: &[LinkEvent]) {
        let about =
            |seen: &&LinkEvent| matches!(seen, LinkEvent::Lost) || **seen == LinkEvent::Changed(self.ifindex);
        self.changes += announced.iter().filter(about).count() as u64;
    }

    /// Updates the state from what was read after the announcements.
    pub(super) fn apply(&mut self, listed: &Listed, announced: &[LinkEvent]) {
        if listed.covers(self.ifindex) {
            self.apply_own(&listed.interfaces, announced);
        }
        if let Some(bridge) = self.bridge.as_mut().filter(|bridge| listed.covers(IfIndex(bridge.index))) {
            bridge.is_down = by_index(&listed.interfaces, bridge.index).is_some_and(|bridge| !bridge.up);
        }
    }

    fn apply_own(&mut self, listed: &[Interface], announced: &[LinkEvent]) {
        let moved = announced.contains(&LinkEvent::Moved(self.ifindex));
        let left = moved || announced.contains(&LinkEvent::Gone(self.ifindex));
        let stayed = self.presence == Presence::There && !left;
        // The kernel may have given the ifindex to another interface.
        let seen = by_index(listed, self.ifindex.0)
            .filter(|seen| stayed || (seen.mac == self.mac && seen.mac.is_some()));
        self.was_away |= left || seen.is_none();
        let Some(seen) = seen else {
            self.presence = match self.presence {
                Presence::There if moved => Presence::Moved,
                Presence::There => Presence::Deleted,
                as_before => as_before,
            };
            return;
        };
        (self.presence, self.up, self.mac) = (Presence::There, seen.up, seen.mac);
        self.name.clone_from(&seen.name);
        if let Some(bridge) = &mut self.bridge {
            bridge.is_left = seen.controller != Some(bridge.index);
        }
    }

    /// Returns how the interface differs from the expected state.
    pub(super) fn drift(&self) -> Vec<Drift> {
        match self.presence {
            Presence::Deleted => return vec![Drift::Deleted],
            Presence::Moved => return vec![Drift::Moved],
            Presence::There => {}
        }
        let mut found = Vec::new();
        if self.unnamed {
            found.push(Drift::NamespaceUnnamed);
        }
        if self.name != self.interface.as_str() {
            found.push(Drift::Renamed { to: self.name.clone() });
        }
        if !self.up {
            found.push(Drift::SetDown);
        }
        match &self.bridge {
            Some(Bridge { name, is_left: true, .. }) => {
                found.push(Drift::OffBridge { bridge: name.clone() });
            }
            Some(Bridge { name, is_down: true, .. }) => {
                found.push(Drift::BridgeDown { bridge: name.clone() });
            }
            _ => {}
        }
        found
    }
}

fn by_index(listed: &[Interface], index: u32) -> Option<&Interface> {
    listed.iter().find(|interface| interface.index == index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: IfIndex = IfIndex(7);

    fn listed(name: &str, index: u32, mac: u8) -> Interface {
        Interface {
            index,
            name: name.to_owned(),
            up: true,
            mac: Some(Mac([2, 0, 0, 0, 0, mac])),
            ..Default::default()
        }
    }

    fn all<const N: usize>(interfaces: [Interface; N]) -> Listed {
        Listed { interfaces: interfaces.into(), subjects: None }
    }

    fn veth0() -> TrackedInterface {
        let mut tracked = TrackedInterface::new(INDEX, "veth0".parse().unwrap());
        tracked.init(&[listed("veth0", 7, 1)]);
        assert_eq!(tracked.drift(), []);
        tracked
    }

    #[test]
    fn a_renamed_interface_is_reported_until_its_name_is_back() {
        let mut tracked = veth0();
        tracked.apply(&all([listed("eth9", 7, 1)]), &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Renamed { to: "eth9".to_owned() }]);
        tracked.apply(&all([listed("veth0", 7, 1)]), &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), []);
        assert!(!tracked.was_away);
    }

    #[test]
    fn a_moved_interface_may_come_back_and_was_away_then() {
        let mut tracked = veth0();
        tracked.apply(&all([]), &[LinkEvent::Moved(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Moved]);
        tracked.apply(&all([]), &[]);
        assert_eq!(tracked.presence, Presence::Moved, "another announcement changes nothing");
        let back = Interface { up: false, ..listed("veth0", 7, 1) };
        tracked.apply(&all([back]), &[LinkEvent::Changed(INDEX)]);
        assert_eq!((tracked.drift(), tracked.was_away), (vec![Drift::SetDown], true));
    }

    #[test]
    fn another_interface_with_the_same_ifindex_is_not_taken_for_it() {
        let mut tracked = veth0();
        tracked.apply(&all([listed("veth0", 7, 2)]), &[LinkEvent::Gone(INDEX), LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Deleted]);
        tracked.apply(&all([listed("veth0", 7, 2)]), &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Deleted]);
    }

    #[test]
    fn a_changed_mac_address_does_not_make_it_another_interface() {
        let mut tracked = veth0();
        tracked.apply(&all([listed("veth0", 7, 9)]), &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), []);
    }

    #[test]
    fn a_port_without_its_bridge_is_reported() {
        let port = |controller| Interface { controller, ..listed("veth0", 7, 1) };
        let mut tracked = TrackedInterface::new(INDEX, "veth0".parse().unwrap());
        tracked.init(&[port(Some(3)), listed("br0", 3, 5)]);
        assert_eq!((tracked.drift(), tracked.bridge()), (Vec::new(), Some(IfIndex(3))));
        let down = Interface { up: false, ..listed("br0", 3, 5) };
        tracked.apply(&all([port(Some(3)), down]), &[]);
        assert_eq!(tracked.drift(), [Drift::BridgeDown { bridge: "br0".to_owned() }]);
        tracked.apply(&all([port(None)]), &[LinkEvent::Gone(IfIndex(3)), LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::OffBridge { bridge: "br0".to_owned() }]);
    }

    #[test]
    fn announced_changes_and_lost_announcements_are_counted() {
        let mut tracked = veth0();
        tracked.record(&[LinkEvent::Changed(INDEX), LinkEvent::Changed(IfIndex(8)), LinkEvent::Lost]);
        assert_eq!(tracked.changes, 2);
    }

    #[test]
    fn a_reading_of_other_interfaces_changes_nothing_and_one_of_the_bridge_only_that() {
        let mut tracked = TrackedInterface::new(INDEX, "veth0".parse().unwrap());
        tracked.init(&[Interface { controller: Some(3), ..listed("veth0", 7, 1) }, listed("br0", 3, 5)]);
        let read = |interface, index| Listed {
            interfaces: Vec::from_iter(interface),
            subjects: Some(BTreeSet::from([IfIndex(index)])),
        };
        tracked.apply(&read(Some(listed("veth9", 9, 9)), 9), &[LinkEvent::Changed(IfIndex(9))]);
        assert_eq!(tracked.drift(), []);
        let down = Interface { up: false, ..listed("br0", 3, 5) };
        tracked.apply(&read(Some(down), 3), &[LinkEvent::Changed(IfIndex(3))]);
        assert_eq!(tracked.drift(), [Drift::BridgeDown { bridge: "br0".to_owned() }]);
        tracked.apply(&read(None, 7), &[LinkEvent::Gone(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Deleted]);
    }
}
