//! The planner: the steps from what is there to what is wanted. Pure: it sees nothing else.
//!
//! It only collects steps, in any order across phases: [`Plan`] puts them into the order of the work.

mod addresses;
mod impairments;
mod interfaces;
#[cfg(test)]
mod mutations;
mod notes;
#[cfg(test)]
mod properties;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use netmon_model::{
    lab::{End, Lab, Link, Namespace},
    names::{LinkName, NsName, Place},
};

pub(super) use self::impairments::{conflicts as impairment_conflicts, step as impairment_step};
use super::{
    actual::{Actual, ActualInterface, ActualNamespace},
    error::TopologyError,
    plan::Plan,
    resolv::ResolvConf,
    step::Step,
    sysctl,
};
use crate::ownership::mark::Owner;

/// Returns the plan that turns `actual` into what `lab` wants.
///
/// # Errors
///
/// [`TopologyError::Conflict`] with every name of the lab that an object of another owner has.
pub fn plan(lab: &Lab, actual: &Actual) -> Result<Plan, TopologyError> {
    let planner = Planner::new(lab, actual);
    let conflicts: Vec<String> =
        conflicts(lab, actual).into_iter().chain(planner.route_conflicts()).collect();
    if !conflicts.is_empty() {
        return Err(TopologyError::Conflict(conflicts));
    }
    let steps = [
        planner.stale_interfaces(),
        planner.stale_namespaces(),
        planner.stale_files(),
        planner.namespaces(),
        planner.files(),
        planner.sysctls(),
        planner.bridges(),
        planner.links(),
        planner.ups(),
        planner.routes(),
    ];
    let notes = planner.notes();
    let kept = planner.kept_links.into_iter().cloned().collect();
    let mut plan = Plan::new(lab.name.clone(), kept, steps.into_iter().flatten());
    plan.notes = notes;
    Ok(plan)
}

/// Returns what of another owner has a name that the lab wants, or a place that one of its impairments needs.
fn conflicts(lab: &Lab, actual: &Actual) -> Vec<String> {
    let mut taken = Vec::new();
    let foreign = |what: String| format!("{what} already exists and is not part of lab {}", lab.name);
    for Namespace { name, nameservers, .. } in &lab.namespaces {
        if matches!(actual.namespaces.get(name), Some(ActualNamespace::Foreign)) {
            taken.push(match actual.other_labs.get(name) {
                Some(other) => format!("namespace {name} already exists and belongs to lab {other}"),
                None => foreign(format!("namespace {name}")),
            });
        }
        match actual.files.get(name).filter(|_| nameservers.is_some()) {
            Some(ResolvConf::Foreign) => taken.push(foreign(format!("file /etc/netns/{name}/resolv.conf"))),
            Some(ResolvConf::Refused(reason)) => taken.push(reason.clone()),
            _ => {}
        }
    }
    for (Place { namespace, interface }, _) in interfaces(lab) {
        let there = actual.contents(&namespace).and_then(|c| c.interfaces.get(interface.as_str()));
        if there.is_some_and(|there| there.owner == Owner::Foreign) {
            taken.push(foreign(format!("interface {interface} in namespace {namespace}")));
        }
    }
    for end in lab.links.iter().flat_map(|link| [&link.a, &link.b]) {
        let there = actual.own_interface(&end.namespace, end.interface.as_str());
        taken.extend(there.into_iter().flat_map(|there| impairments::conflicts_of_end(end, there)));
    }
    taken
}

/// Returns the bridges of a lab and the ends of its links, each with the addresses that it wants.
fn interfaces(lab: &Lab) -> impl Iterator<Item = (Place, &[IpNet])> {
    let bridges = lab.bridges.iter().map(|bridge| (bridge.place(), bridge.addresses.as_slice()));
    let ends = lab.links.iter().flat_map(|link| [&link.a, &link.b]);
    bridges.chain(ends.map(|end| (end.place(), end.addresses.as_slice())))
}

/// Returns the links of which both ends exist, are the lab's and are each other's peers.
fn kept_links<'l>(lab: &'l Lab, actual: &Actual) -> BTreeSet<&'l LinkName> {
    let is_kept = |link: &&Link| {
        let there = |end: &End| actual.own_interface(&end.namespace, end.interface.as_str());
        let (Some(a), Some(b)) = (there(&link.a), there(&link.b)) else { return false };
        let same_namespace = link.a.namespace == link.b.namespace;
        a.peer_index == Some(b.index)
            && b.peer_index == Some(a.index)
            && a.peer_is_here == same_namespace
            && b.peer_is_here == same_namespace
    };
    lab.links.iter().filter(is_kept).map(|link| &link.name).collect()
}

/// Returns the interfaces that stay, by where they are: ends of kept links, and bridges that exist and are the lab's.
fn kept_interfaces<'a>(
    lab: &Lab,
    actual: &'a Actual,
    kept_links: &BTreeSet<&LinkName>,
) -> BTreeMap<Place, &'a ActualInterface> {
    let there = |place: Place| {
        let there = actual.own_interface(&place.namespace, place.interface.as_str())?;
        Some((place, there))
    };
    let links = lab.links.iter().filter(|link| kept_links.contains(&link.name));
    let ends = links.flat_map(|link| [link.a.place(), link.b.place()]).filter_map(there);
    let bridges = lab.bridges.iter().filter_map(|bridge| there(bridge.place()));
    ends.chain(bridges.filter(|(_, there)| there.is_bridge)).collect()
}

struct Planner<'a> {
    lab: &'a Lab,
    actual: &'a Actual,
    /// The namespaces of the lab, by name.
    wanted: BTreeMap<&'a NsName, &'a Namespace>,
    /// The interfaces of the lab and their addresses.
    addresses: BTreeMap<Place, &'a [IpNet]>,
    kept_links: BTreeSet<&'a LinkName>,
    kept: BTreeMap<Place, &'a ActualInterface>,
}

impl<'a> Planner<'a> {
    fn new(lab: &'a Lab, actual: &'a Actual) -> Self {
        let kept_links = kept_links(lab, actual);
        Self {
            lab,
            actual,
            wanted: lab.namespaces.iter().map(|namespace| (&namespace.name, namespace)).collect(),
            addresses: interfaces(lab).collect(),
            kept: kept_interfaces(lab, actual, &kept_links),
            kept_links,
        }
    }

    /// Returns whether the lab has this namespace. `root` belongs to every lab.
    fn is_wanted(&self, namespace: &NsName) -> bool {
        namespace.is_root() || self.wanted.contains_key(namespace)
    }

    /// Returns an interface of the lab if it stays.
    fn kept(&self, place: &Place) -> Option<&'a ActualInterface> {
        self.kept.get(place).copied()
    }

    /// Returns whether the interface is one that the plan creates.
    fn is_new(&self, place: &Place) -> bool {
        self.addresses.contains_key(place) && !self.kept.contains_key(place)
    }

    fn stale_namespaces(&self) -> Vec<Step> {
        let stale = |(name, there): (&NsName, &ActualNamespace)| match there {
            ActualNamespace::Remnant => Some(Step::ClearName { namespace: name.clone() }),
            ActualNamespace::Known(_) if !self.is_wanted(name) => {
                Some(Step::RemoveNamespace { namespace: name.clone() })
            }
            _ => None,
        };
        self.actual.namespaces.iter().filter_map(stale).collect()
    }

    fn stale_files(&self) -> Vec<Step> {
        let is_stale = |(name, there): &(&NsName, &ResolvConf)| {
            let wanted = self.wanted.get(*name).and_then(|wanted| wanted.nameservers.as_ref());
            there.is_ours() && wanted.is_none()
        };
        let stale = self.actual.files.iter().filter(is_stale);
        stale.map(|(name, _)| Step::RemoveResolvConf { namespace: name.clone() }).collect()
    }

    fn namespaces(&self) -> Vec<Step> {
        let missing = self.lab.namespaces.iter().filter(|n| self.actual.contents(&n.name).is_none());
        missing.map(|n| Step::CreateNamespace { namespace: n.name.clone() }).collect()
    }

    fn files(&self) -> Vec<Step> {
        let step = |namespace: &Namespace| {
            let nameservers = namespace.nameservers.clone()?;
            let there = self.actual.files.get(&namespace.name);
            (there != Some(&ResolvConf::Ours(nameservers.clone())))
                .then(|| Step::WriteResolvConf { namespace: namespace.name.clone(), nameservers })
        };
        self.lab.namespaces.iter().filter_map(step).collect()
    }

    fn sysctls(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for Namespace { name, sysctls, .. } in &self.lab.namespaces {
            let there = self.actual.contents(name);
            for (key, value) in sysctls {
                // What an interface has goes with it, also if another one gets its name.
                let is_new = sysctl::interface_of(key)
                    .and_then(|interface| interface.parse().ok())
                    .is_some_and(|interface| self.is_new(&Place { namespace: name.clone(), interface }));
                let there = there.filter(|_| !is_new).and_then(|there| there.sysctls.get(key));
                if there.is_none_or(|there| *there != sysctl::normal(value)) {
                    let (namespace, key, value) = (name.clone(), key.clone(), value.clone());
                    steps.push(Step::SetSysctl { namespace, key, value });
                }
            }
        }
        steps
    }
}
