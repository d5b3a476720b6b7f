//! What is known of one interface that is followed. Pure: from what the kernel lists and announces to what there is
//! to tell.

use netmon_kernel::netlink::{link::Interface, watch::LinkEvent};
use netmon_model::{
    drift::Drift,
    mac::Mac,
    names::{IfIndex, IfName},
};

/// Where an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    /// In another namespace, with the programs that were on it.
    Moved,
    Deleted,
}

/// An interface of the lab: an end of a link, or a bridge that ends are ports of.
#[derive(Clone, Debug)]
pub(super) struct TrackedInterface {
    pub(super) ifindex: IfIndex,
    /// As the lab calls it.
    pub(super) interface: IfName,
    pub(super) presence: Presence,
    /// Whether it was not there for a while, which takes its queues and the filters on them.
    pub(super) was_away: bool,
    pub(super) up: bool,
    /// Changes that were announced: of its state, its queue, its offloads.
    pub(super) changes: u64,
    /// Whether the name of its namespace leads elsewhere, or nowhere.
    pub(super) unnamed: bool,
    name: String,
    mac: Option<Mac>,
    /// The bridge that it was a port of when it was first seen.
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
    /// One that nothing is known of yet.
    pub(super) fn new(ifindex: IfIndex, interface: IfName) -> Self {
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

    /// Takes the namespace's list as how things should be.
    pub(super) fn init(&mut self, listed: &[Interface]) {
        let Some(seen) = of_number(listed, self.ifindex.0) else {
            (self.presence, self.was_away) = (Presence::Deleted, true);
            return;
        };
        (self.presence, self.up, self.mac) = (Presence::There, seen.up, seen.mac);
        self.name.clone_from(&seen.name);
        let bridge = seen.controller.and_then(|index| of_number(listed, index));
        self.bridge = bridge.map(|bridge| Bridge {
            index: bridge.index,
            name: bridge.name.clone(),
            is_left: false,
            is_down: !bridge.up,
        });
    }

    /// The number of the bridge that it was a port of.
    pub(super) fn bridge(&self) -> Option<u32> {
        self.bridge.as_ref().map(|bridge| bridge.index)
    }

    /// Counts the changes; of announcements that were lost, one may have been anybody's.
    pub(super) fn record(&mut self, announced: &[LinkEvent]) {
        let about =
            |seen: &&LinkEvent| matches!(seen, LinkEvent::Lost) || **seen == LinkEvent::Changed(self.ifindex);
        self.changes += announced.iter().filter(about).count() as u64;
    }

    /// Takes up what the namespace's list says, after what was announced.
    pub(super) fn apply(&mut self, listed: &[Interface], announced: &[LinkEvent]) {
        let moved = announced.contains(&LinkEvent::Moved(self.ifindex));
        let left = moved || announced.contains(&LinkEvent::Gone(self.ifindex));
        let stayed = self.presence == Presence::There && !left;
        // A number that came free may be another interface's by now.
        let seen = of_number(listed, self.ifindex.0)
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
            bridge.is_down = of_number(listed, bridge.index).is_some_and(|bridge| !bridge.up);
        }
    }

    /// How it is not as it should be.
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

fn of_number(listed: &[Interface], index: u32) -> Option<&Interface> {
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

    fn veth0() -> TrackedInterface {
        let mut tracked = TrackedInterface::new(INDEX, "veth0".parse().unwrap());
        tracked.init(&[listed("veth0", 7, 1)]);
        assert_eq!(tracked.drift(), []);
        tracked
    }

    #[test]
    fn a_name_that_changes_is_told_until_it_changes_back() {
        let mut tracked = veth0();
        tracked.apply(&[listed("eth9", 7, 1)], &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Renamed { to: "eth9".to_owned() }]);
        tracked.apply(&[listed("veth0", 7, 1)], &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), []);
        assert!(!tracked.was_away);
    }

    #[test]
    fn one_that_was_moved_may_come_back_and_was_away_then() {
        let mut tracked = veth0();
        tracked.apply(&[], &[LinkEvent::Moved(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Moved]);
        tracked.apply(&[], &[]);
        assert_eq!(tracked.presence, Presence::Moved, "another announcement changes nothing");
        let back = Interface { up: false, ..listed("veth0", 7, 1) };
        tracked.apply(&[back], &[LinkEvent::Changed(INDEX)]);
        assert_eq!((tracked.drift(), tracked.was_away), (vec![Drift::SetDown], true));
    }

    #[test]
    fn another_interface_of_the_same_number_is_another() {
        let mut tracked = veth0();
        tracked.apply(&[listed("veth0", 7, 2)], &[LinkEvent::Gone(INDEX), LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Deleted]);
        tracked.apply(&[listed("veth0", 7, 2)], &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::Deleted]);
    }

    #[test]
    fn a_link_layer_address_that_somebody_changes_makes_it_no_other() {
        let mut tracked = veth0();
        tracked.apply(&[listed("veth0", 7, 9)], &[LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), []);
    }

    #[test]
    fn a_port_misses_its_bridge_whether_it_was_taken_off_or_the_bridge_went() {
        let port = |controller| Interface { controller, ..listed("veth0", 7, 1) };
        let mut tracked = TrackedInterface::new(INDEX, "veth0".parse().unwrap());
        tracked.init(&[port(Some(3)), listed("br0", 3, 5)]);
        assert_eq!((tracked.drift(), tracked.bridge()), (Vec::new(), Some(3)));
        let down = Interface { up: false, ..listed("br0", 3, 5) };
        tracked.apply(&[port(Some(3)), down], &[]);
        assert_eq!(tracked.drift(), [Drift::BridgeDown { bridge: "br0".to_owned() }]);
        tracked.apply(&[port(None)], &[LinkEvent::Gone(IfIndex(3)), LinkEvent::Changed(INDEX)]);
        assert_eq!(tracked.drift(), [Drift::OffBridge { bridge: "br0".to_owned() }]);
    }

    #[test]
    fn changes_are_counted_and_those_that_were_lost_may_have_been_its() {
        let mut tracked = veth0();
        tracked.record(&[LinkEvent::Changed(INDEX), LinkEvent::Changed(IfIndex(8)), LinkEvent::Lost]);
        assert_eq!(tracked.changes, 2);
    }
}
