//! The planner: what is wanted and what is there, to the steps between them. Pure: it sees nothing else.
//!
//! Routes whose next hop goes come first, then other removals (a name may be wanted again), then namespaces, files, settings, bridges, links, addresses;
//! then interfaces go up; new routes last, since their next hops must be reachable.

mod impairments;
#[cfg(test)]
mod mutations;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use netmon_model::{
    impairment::USUAL_MTU,
    lab::{Bridge, End, Lab, Link, Namespace, Route},
    mac::Mac,
    names::{IfName, LinkName, NsName, Place, Side},
};

pub(super) use self::impairments::{conflicts as impairment_conflicts, step as impairment_step};
use super::{
    actual::{Actual, ActualInterface, ActualNamespace},
    error::TopologyError,
    plan::Plan,
    resolv::Found,
    step::Step,
    sysctl,
};
use crate::ownership::mark::Owner;

/// The steps from `actual` to `lab`.
///
/// # Errors
///
/// [`TopologyError::Conflict`] with every name that is taken by something that is not the lab's.
pub fn plan(lab: &Lab, actual: &Actual) -> Result<Plan, TopologyError> {
    let conflicts = conflicts(lab, actual);
    if !conflicts.is_empty() {
        return Err(TopologyError::Conflict(conflicts));
    }
    let wanted = lab.namespaces.iter().map(|namespace| (&namespace.name, namespace)).collect();
    let (kept, kept_bridges) = (kept_links(lab, actual), kept_bridges(lab, actual));
    let planner = Planner { lab, actual, wanted, kept, kept_bridges };
    let steps = [
        planner.stale_routes(),
        planner.removals(),
        planner.namespaces(),
        planner.files(),
        planner.settings(),
        planner.bridges(),
        planner.links(),
        planner.ups(),
        planner.routes(),
    ];
    Ok(Plan::new(lab.name.clone(), planner.kept.into_iter().cloned().collect(), steps.into_iter().flatten()))
}

/// Everything that stands where the lab wants to be and is not the lab's.
fn conflicts(lab: &Lab, actual: &Actual) -> Vec<String> {
    let mut taken = Vec::new();
    for namespace in &lab.namespaces {
        let name = &namespace.name;
        if matches!(actual.namespaces.get(name), Some(ActualNamespace::Foreign)) {
            taken.push(format!("namespace {name} exists and is not lab {}'s", lab.name));
        }
        if namespace.nameservers.is_some() && actual.files.get(name) == Some(&Found::Foreign) {
            taken.push(format!("file /etc/netns/{name}/resolv.conf exists and is not lab {}'s", lab.name));
        }
    }
    let bridges = lab.bridges.iter().map(Bridge::place);
    for wanted in bridges.chain(lab.links.iter().flat_map(|link| [link.a.place(), link.b.place()])) {
        let Place { namespace, interface } = wanted;
        let there = actual.contents(&namespace).and_then(|c| c.interfaces.get(interface.as_str()));
        if there.is_some_and(|there| there.owner == Owner::Foreign) {
            taken.push(format!(
                "interface {interface} in namespace {namespace} exists and is not lab {}'s",
                lab.name
            ));
        }
    }
    for end in lab.links.iter().flat_map(|link| [&link.a, &link.b]) {
        let there = actual.own_interface(&end.namespace, end.interface.as_str());
        taken.extend(there.into_iter().flat_map(|there| impairments::conflicts_of_end(end, there)));
    }
    taken
}

/// The links whose two ends are there, are ours, and are each other's peers.
fn kept_links<'l>(lab: &'l Lab, actual: &Actual) -> BTreeSet<&'l LinkName> {
    let kept = |link: &&Link| {
        let end = |end: &End| actual.own_interface(&end.namespace, end.interface.as_str());
        let (Some(a), Some(b)) = (end(&link.a), end(&link.b)) else { return false };
        let same_namespace = link.a.namespace == link.b.namespace;
        a.peer_index == Some(b.index)
            && b.peer_index == Some(a.index)
            && a.peer_is_here == same_namespace
            && b.peer_is_here == same_namespace
    };
    lab.links.iter().filter(kept).map(|link| &link.name).collect()
}

/// The bridges that are there and ours.
fn kept_bridges<'l>(lab: &'l Lab, actual: &Actual) -> BTreeSet<(&'l NsName, &'l IfName)> {
    let is_there = |bridge: &&Bridge| {
        let there = actual.own_interface(&bridge.namespace, bridge.name.as_str());
        there.is_some_and(|there| there.is_bridge)
    };
    lab.bridges.iter().filter(is_there).map(|bridge| (&bridge.namespace, &bridge.name)).collect()
}

struct Planner<'a> {
    lab: &'a Lab,
    actual: &'a Actual,
    /// The namespaces of the lab by name.
    wanted: BTreeMap<&'a NsName, &'a Namespace>,
    /// The links of the lab that are there already.
    kept: BTreeSet<&'a LinkName>,
    /// The bridges of the lab that are there already.
    kept_bridges: BTreeSet<(&'a NsName, &'a IfName)>,
}

impl<'a> Planner<'a> {
    /// The links of the lab, each with its interfaces when it is there already.
    fn links_with_actual(&self) -> impl Iterator<Item = (&'a Link, bool)> {
        self.lab.links.iter().map(|link| (link, self.kept.contains(&link.name)))
    }

    fn is_wanted(&self, namespace: &NsName) -> bool {
        namespace.is_root() || self.wanted.contains_key(namespace)
    }

    fn removals(&self) -> Vec<Step> {
        let mut steps = self.stale_interfaces();
        steps.extend(self.actual.strays.keys().cloned().map(Step::RemoveLink));
        for (name, there) in &self.actual.namespaces {
            let namespace = name.clone();
            match there {
                ActualNamespace::Remnant => steps.push(Step::ClearName { namespace }),
                ActualNamespace::Known(_) if !self.is_wanted(name) => {
                    steps.push(Step::RemoveNamespace { namespace });
                }
                _ => {}
            }
        }
        let has_file =
            |name: &NsName| self.wanted.get(name).is_some_and(|wanted| wanted.nameservers.is_some());
        let stale =
            self.actual.files.iter().filter(|(name, found)| **found != Found::Foreign && !has_file(name));
        steps.extend(stale.map(|(name, _)| Step::RemoveResolvConf { namespace: name.clone() }));
        steps
    }

    /// Interfaces of ours that are neither an end of a kept link nor a kept bridge. One end a pair, except where the
    /// ends cannot be told to belong together.
    fn stale_interfaces(&self) -> Vec<Step> {
        let kept: BTreeSet<(&NsName, &str)> = self
            .links_with_actual()
            .filter(|(_, kept)| *kept)
            .flat_map(|(link, _)| [&link.a, &link.b])
            .map(|end| (&end.namespace, end.interface.as_str()))
            .chain(self.kept_bridges.iter().map(|(namespace, bridge)| (*namespace, bridge.as_str())))
            .collect();
        let known = self.actual.namespaces.iter().filter(|(name, _)| self.is_wanted(name));
        let mut stale = Vec::new();
        for (namespace, contents) in known.filter_map(|(name, _)| Some((name, self.actual.contents(name)?))) {
            for (name, there) in &contents.interfaces {
                let Ok(interface) = name.parse::<IfName>() else { continue };
                if there.owner == Owner::Ours && !kept.contains(&(namespace, name.as_str())) {
                    let place = Place { namespace: namespace.clone(), interface };
                    stale.push(if there.is_bridge {
                        Step::RemoveBridge(place)
                    } else {
                        Step::RemoveLink(place)
                    });
                }
            }
        }
        stale
    }

    fn namespaces(&self) -> Vec<Step> {
        let missing = self.lab.namespaces.iter().filter(|n| self.actual.contents(&n.name).is_none());
        missing.map(|n| Step::CreateNamespace { namespace: n.name.clone() }).collect()
    }

    fn files(&self) -> Vec<Step> {
        let step = |namespace: &Namespace| {
            let nameservers = namespace.nameservers.clone()?;
            let there = self.actual.files.get(&namespace.name);
            (there != Some(&Found::Ours(nameservers.clone())))
                .then(|| Step::WriteResolvConf { namespace: namespace.name.clone(), nameservers })
        };
        self.lab.namespaces.iter().filter_map(step).collect()
    }

    /// Settings that differ, of namespaces and of their interfaces.
    fn settings(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for namespace in &self.lab.namespaces {
            let there = self.actual.contents(&namespace.name);
            for (key, value) in &namespace.sysctls {
                let has = there.and_then(|there| there.sysctls.get(key));
                if has.is_none_or(|has| *has != sysctl::normal(value)) {
                    let (key, value) = (key.clone(), value.clone());
                    steps.push(Step::SetSysctl { namespace: namespace.name.clone(), key, value });
                }
            }
        }
        steps
    }

    fn bridges(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for bridge in &self.lab.bridges {
            let there = self.bridge(&bridge.namespace, &bridge.name);
            if there.is_none() {
                steps.push(Step::CreateBridge(bridge.place()));
            }
            steps.extend(interface_steps(&bridge.place(), (None, None), &bridge.addresses, there));
        }
        steps
    }

    /// A bridge of the lab, when it is there.
    fn bridge(&self, namespace: &NsName, bridge: &IfName) -> Option<&'a ActualInterface> {
        let is_kept = self.kept_bridges.contains(&(namespace, bridge));
        is_kept.then(|| self.actual.own_interface(namespace, bridge.as_str())).flatten()
    }

    fn links(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (link, kept) in self.links_with_actual().filter(|(_, kept)| !kept) {
            debug_assert!(!kept);
            let (link, mtu) = (link.clone(), link.mtu);
            steps.push(Step::CreateLink { a: link.a.place(), b: link.b.place(), link: link.name, mtu });
        }
        for (link, kept) in self.links_with_actual() {
            for end in [&link.a, &link.b] {
                let there = kept.then(|| self.end(end)).flatten();
                let mtu = link.mtu.unwrap_or(USUAL_MTU);
                steps.extend(interface_steps(&end.place(), (end.mac, Some(mtu)), &end.addresses, there));
                steps.extend(self.port_step(end, there));
                steps.extend(impairments::of_end(link, end, there));
            }
        }
        steps
    }

    fn end(&self, end: &End) -> Option<&'a ActualInterface> {
        self.actual.own_interface(&end.namespace, end.interface.as_str())
    }

    /// Onto the bridge that is wanted, or off one of ours. What somebody else made an end a port of stays so.
    fn port_step(&self, end: &End, there: Option<&ActualInterface>) -> Option<Step> {
        let controller = there.and_then(|there| there.controller);
        match &end.bridge {
            Some(bridge) => {
                let wanted = self.bridge(&end.namespace, bridge).map(|bridge| bridge.index);
                let is_there = wanted.is_some() && wanted == controller;
                (!is_there).then(|| Step::SetBridge { place: end.place(), bridge: bridge.clone() })
            }
            None => {
                let mut here = self.actual.contents(&end.namespace)?.interfaces.values();
                let is_ours = here.any(|one| Some(one.index) == controller && one.owner == Owner::Ours);
                is_ours.then(|| Step::LeaveBridge(end.place()))
            }
        }
    }

    fn ups(&self) -> Vec<Step> {
        let is_up = |end: &End, kept: bool| kept && self.end(end).is_some_and(|there| there.up);
        let down =
            |bridge: &&Bridge| self.bridge(&bridge.namespace, &bridge.name).is_none_or(|there| !there.up);
        let bridges = self.lab.bridges.iter().filter(down).map(|bridge| Step::SetUp(bridge.place()));
        let ends = self
            .links_with_actual()
            .flat_map(|(link, kept)| [(&link.a, kept), (&link.b, kept)])
            .filter(|(end, kept)| !is_up(end, *kept))
            .map(|(end, _)| Step::SetUp(end.place()));
        bridges.chain(ends).collect()
    }

    /// Routes that are not wanted, and those whose next hop is reached by an address that goes. The kernel takes away
    /// some of them with the address, and not those of IPv6, which would be in the way of new ones.
    fn stale_routes(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for namespace in &self.lab.namespaces {
            let staying = self.staying_routes(namespace);
            let there = self.actual.contents(&namespace.name).map_or(&[][..], |there| &there.routes);
            let stale = there.iter().filter(|route| !staying.contains(route));
            steps.extend(
                stale.map(|route| Step::RemoveRoute {
                    namespace: namespace.name.clone(),
                    route: route.clone(),
                }),
            );
        }
        steps
    }

    fn routes(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for namespace in &self.lab.namespaces {
            let staying = self.staying_routes(namespace);
            let missing = namespace.routes.iter().filter(|route| !staying.contains(route));
            steps.extend(
                missing
                    .map(|route| Step::AddRoute { namespace: namespace.name.clone(), route: route.clone() }),
            );
        }
        steps
    }

    /// The routes that are there, are wanted, and have a next hop that is reached all the time.
    fn staying_routes(&self, namespace: &Namespace) -> Vec<Route> {
        let reached = self.reached_routes(&namespace.name);
        reached.into_iter().filter(|route| namespace.routes.contains(route)).collect()
    }

    /// The routes that are there, and whose next hop is reached by an address that stays.
    fn reached_routes(&self, namespace: &NsName) -> Vec<Route> {
        let Some(contents) = self.actual.contents(namespace) else { return Vec::new() };
        if contents.routes.is_empty() {
            return Vec::new();
        }
        let ends = self
            .links_with_actual()
            .filter(|(_, kept)| *kept)
            .flat_map(|(link, _)| [Side::A, Side::B].map(|side| link.end(side)))
            .map(|end| (&end.namespace, &end.addresses, self.end(end)));
        let bridges = self.lab.bridges.iter().map(|bridge| {
            (&bridge.namespace, &bridge.addresses, self.bridge(&bridge.namespace, &bridge.name))
        });
        let staying: Vec<IpNet> = ends
            .chain(bridges)
            .filter(|(here, ..)| *here == namespace)
            .flat_map(|(_, wanted, there)| {
                there.into_iter().flat_map(|there| &there.addresses).filter(|a| wanted.contains(a))
            })
            .copied()
            .collect();
        let reached = |route: &&Route| staying.iter().any(|address| address.contains(&route.via));
        contents.routes.iter().filter(reached).cloned().collect()
    }
}

/// What an interface lacks: all of it when it is new.
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
    // Not as it is made: a random address proves until it is marked that an interface is ours.
    if let Some(mac) = mac.filter(|_| there.is_none_or(|there| there.mac != mac)) {
        steps.push(Step::SetMac { place: place.clone(), mac });
    }
    let has: &[IpNet] = there.map_or(&[], |there| &there.addresses);
    for address in has.iter().filter(|address| !addresses.contains(address)) {
        steps.push(Step::RemoveAddress { place: place.clone(), address: *address });
    }
    // In between: below 1280 the kernel takes IPv6 addresses away, and refuses new ones.
    if let (Some(mtu), Some(there)) = (mtu, there)
        && there.mtu != mtu
    {
        steps.push(Step::SetMtu { place: place.clone(), mtu });
    }
    for address in addresses.iter().filter(|address| !has.contains(address)) {
        steps.push(Step::AddAddress { place: place.clone(), address: *address });
    }
    steps
}

#[cfg(test)]
mod tests;
