//! Bridges and links: which go, which are created, and what the interfaces that stay lack.

use ipnet::IpNet;
use netmon_model::{
    impairment::USUAL_MTU,
    lab::{Bridge, End, Namespace},
    mac::Mac,
    names::{IfName, Place},
};

use super::{ActualInterface, Planner, addresses::AddressChange, impairments};
use crate::{
    ownership::mark::Owner,
    topology::{actual::LOOPBACK, lent, step::Step},
};

impl Planner<'_> {
    /// Interfaces of the lab that do not stay, and those that were moved to foreign namespaces. Of a pair, each end
    /// that is seen is named: a pair of which an end was moved may not be the pair that the lab had.
    pub(super) fn stale_interfaces(&self) -> Vec<Step> {
        let mut stale = Vec::new();
        for namespace in self.actual.namespaces.keys().filter(|name| self.is_wanted(name)) {
            let interfaces =
                self.actual.contents(namespace).into_iter().flat_map(|inside| &inside.interfaces);
            for (name, there) in interfaces.filter(|(_, there)| there.owner == Owner::Ours) {
                let Ok(interface) = name.parse::<IfName>() else { continue };
                let place = Place { namespace: namespace.clone(), interface };
                if !self.kept.contains_key(&place) {
                    let step = if there.is_bridge { Step::RemoveBridge } else { Step::RemoveLink };
                    stale.push(step(place));
                }
            }
        }
        stale.extend(self.actual.strays.keys().cloned().map(Step::RemoveLink));
        stale
    }

    pub(super) fn bridges(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for bridge in &self.lab.bridges {
            let place = bridge.place();
            let there = self.kept(&place);
            if there.is_none() {
                steps.push(Step::CreateBridge(place.clone()));
            }
            steps.extend(interface_steps(&place, (None, None), &bridge.addresses, there));
        }
        steps
    }

    pub(super) fn links(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for link in &self.lab.links {
            if !self.kept_links.contains(&link.name) {
                let (a, b) = (link.a.place(), link.b.place());
                steps.push(Step::CreateLink { link: link.name.clone(), a, b, mtu: link.mtu });
            }
            for end in [&link.a, &link.b] {
                let there = self.kept(&end.place());
                let mtu = link.mtu.unwrap_or(USUAL_MTU);
                steps.extend(interface_steps(&end.place(), (end.mac, Some(mtu)), &end.addresses, there));
                steps.extend(self.port_step(end, there));
                steps.extend(impairments::of_end(link, end, there));
            }
        }
        steps
    }

    /// Makes an end a port of the bridge that is wanted, or takes it off a bridge of the lab's or one that the lab made it a
    /// port of. A port that another program made stays one.
    fn port_step(&self, end: &End, there: Option<&ActualInterface>) -> Option<Step> {
        let controller = there.and_then(|there| there.controller);
        match &end.bridge {
            Some(bridge) => {
                let place = Place { namespace: end.namespace.clone(), interface: bridge.clone() };
                let there = self.kept(&place).or_else(|| lent::foreign_bridge(self.lab, self.actual, &place));
                let wanted = there.map(|bridge| bridge.index);
                let is_port = wanted.is_some() && wanted == controller;
                (!is_port).then(|| Step::SetBridge { place: end.place(), bridge: bridge.clone() })
            }
            None => {
                let here = self.actual.contents(&end.namespace)?;
                let had = here.had_ports.get(&end.interface);
                let is_ours = here.interfaces.iter().any(|(name, one)| {
                    let is_had = had.is_some_and(|had| had.as_str() == name);
                    Some(one.index) == controller && (one.owner == Owner::Ours || is_had)
                });
                is_ours.then(|| Step::LeaveBridge(end.place()))
            }
        }
    }

    /// Returns lo of each namespace in which another program set it down.
    fn loopbacks(&self) -> impl Iterator<Item = Place> {
        let is_down = |namespace: &&Namespace| {
            self.actual.contents(&namespace.name).is_some_and(|there| there.loopback_is_down)
        };
        let down = self.lab.namespaces.iter().filter(is_down);
        down.filter_map(|there| {
            Some(Place { namespace: there.name.clone(), interface: LOOPBACK.parse().ok()? })
        })
    }

    /// Bridges go up before their ports.
    pub(super) fn ups(&self) -> Vec<Step> {
        let ends = self.lab.links.iter().flat_map(|link| [link.a.place(), link.b.place()]);
        let places = self.lab.bridges.iter().map(Bridge::place).chain(ends);
        let down = places.filter(|place| self.kept(place).is_none_or(|there| !there.up));
        self.loopbacks().chain(down).map(Step::SetUp).collect()
    }
}

/// Returns what an interface lacks: everything if it is new.
fn interface_steps(
    place: &Place,
    (mac, mtu): (Option<Mac>, Option<u32>),
    addresses: &[IpNet],
    there: Option<&ActualInterface>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if there.is_none_or(|there| !there.marked) {
        steps.push(Step::Mark(place.clone()));
    }
    // Not on creation: until the interface is marked, its random address proves that it is the lab's.
    if let Some(mac) = mac.filter(|_| there.is_none_or(|there| there.mac != mac)) {
        steps.push(Step::SetMac { place: place.clone(), mac });
    }
    let change = AddressChange::between(there.map_or(&[], |there| &there.addresses), addresses);
    if change.promotes {
        steps.push(Step::PromoteSecondaries(place.clone()));
    }
    steps.extend(
        change.removed.into_iter().map(|address| Step::RemoveAddress { place: place.clone(), address }),
    );
    // In between: below 1280 the kernel removes IPv6 addresses, and refuses new ones.
    if let (Some(mtu), Some(there)) = (mtu, there)
        && there.mtu != mtu
    {
        steps.push(Step::SetMtu { place: place.clone(), mtu });
    }
    steps.extend(change.added.into_iter().map(|address| Step::AddAddress { place: place.clone(), address }));
    steps
}
