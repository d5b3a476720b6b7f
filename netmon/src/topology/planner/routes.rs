//! Routes: which go, which are added, and which take the place of another.
//!
//! The kernel has one route for a destination. If another program replaced the lab's, `up` replaces it again. A route that
//! was there before the lab had one is in the way, and stays.

use std::net::IpAddr;

use ipnet::IpNet;
use netmon_kernel::netlink::route::InstalledRoute;
use netmon_model::{
    lab::Route,
    names::{IfName, NsName, Place},
};

use super::{Planner, addresses::AddressChange};
use crate::{
    ownership::mark::Owner,
    topology::{actual::Contents, step::Step},
};

/// What is in the place of a route that is missing.
enum Missing<'a> {
    /// No other route.
    Free,
    /// The same route, which another program added.
    Equal,
    /// Another route, which took the place of the lab's.
    Displaced(&'a InstalledRoute),
    /// Another route, which the lab has never displaced.
    InTheWay(&'a InstalledRoute),
}

impl Planner<'_> {
    /// Removes the routes that do not stay, and adds those that are missing then.
    pub(super) fn routes(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for namespace in &self.lab.namespaces {
            let name = || namespace.name.clone();
            let (stale, missing) = self.stale_and_missing(&namespace.name, &namespace.routes);
            let remove = |route: &Route| Step::RemoveRoute { namespace: name(), route: route.clone() };
            steps.extend(stale.into_iter().map(remove));
            for route in missing {
                match self.place_of(&namespace.name, route) {
                    Missing::Free => steps.push(Step::AddRoute { namespace: name(), route: route.clone() }),
                    Missing::Displaced(by) => steps.push(Step::ReplaceRoute {
                        namespace: name(),
                        route: route.clone(),
                        instead: by.to_string(),
                    }),
                    Missing::Equal | Missing::InTheWay(_) => {}
                }
            }
        }
        steps
    }

    /// Returns a sentence for each foreign route that is in the way.
    pub(super) fn route_conflicts(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        for namespace in &self.lab.namespaces {
            let (_, missing) = self.stale_and_missing(&namespace.name, &namespace.routes);
            for route in missing {
                if let Missing::InTheWay(other) = self.place_of(&namespace.name, route) {
                    conflicts.push(in_the_way(&namespace.name, route, other));
                }
            }
        }
        conflicts
    }

    /// Returns the routes of the namespace that go, and those of `wanted` that are not there then.
    fn stale_and_missing<'r>(
        &'r self,
        name: &NsName,
        wanted: &'r [Route],
    ) -> (Vec<&'r Route>, Vec<&'r Route>) {
        let there = self.actual.contents(name).map_or(&[][..], |there| &there.routes);
        let reach = self.reach(name, there);
        let (staying, stale): (Vec<&Route>, Vec<&Route>) =
            there.iter().partition(|route| wanted.contains(route) && reach.lasts(route.via));
        (stale, wanted.iter().filter(|route| !staying.contains(route)).collect())
    }

    fn place_of(&self, name: &NsName, route: &Route) -> Missing<'_> {
        let Some(inside) = self.actual.contents(name) else { return Missing::Free };
        let mut others = inside.other_routes.iter().filter(|other| other.to == route.to);
        match others.find(|other| self.outlives_the_plan(name, inside, other)) {
            None => Missing::Free,
            Some(other) if is_equal(route, other) => Missing::Equal,
            Some(other) if other.is_own || inside.had_routes.iter().any(|had| had.to == route.to) => {
                Missing::Displaced(other)
            }
            Some(other) => Missing::InTheWay(other),
        }
    }

    /// Returns whether a route is there until routes are added. One through an interface that goes is not.
    fn outlives_the_plan(&self, name: &NsName, inside: &Contents, route: &InstalledRoute) -> bool {
        let goes = |(interface, there): (&String, &super::ActualInterface)| {
            let Ok(interface) = interface.parse::<IfName>() else { return false };
            let place = Place { namespace: name.clone(), interface };
            there.owner == Owner::Ours
                && route.interfaces.contains(&there.index)
                && !self.kept.contains_key(&place)
        };
        !inside.interfaces.iter().any(goes)
    }

    fn reach(&self, namespace: &NsName, routes: &[Route]) -> Reach {
        let mut reach = Reach::default();
        let inside = self.actual.contents(namespace).filter(|_| !routes.is_empty());
        let interfaces = inside.into_iter().flat_map(|inside| &inside.interfaces);
        for (name, there) in interfaces.filter(|(_, there)| there.owner == Owner::Ours) {
            let Ok(interface) = name.parse::<IfName>() else { continue };
            let place = Place { namespace: namespace.clone(), interface };
            let wanted = self.addresses.get(&place).filter(|_| self.kept.contains_key(&place));
            let change = AddressChange::between(&there.addresses, wanted.copied().unwrap_or_default());
            let (going, staying): (Vec<IpNet>, Vec<IpNet>) =
                there.addresses.iter().map(|there| there.net).partition(|net| change.removed.contains(net));
            reach.staying.extend(staying);
            reach.going.extend(going);
        }
        reach
    }
}

fn is_equal(route: &Route, other: &InstalledRoute) -> bool {
    other.refusal.is_none() && other.via == [route.via]
}

fn in_the_way(namespace: &NsName, route: &Route, other: &InstalledRoute) -> String {
    let Route { to, via } = route;
    let family = if to.addr().is_ipv6() { " -6" } else { "" };
    format!(
        "namespace {namespace} has a route to {to} {other}, which netmon did not add and which is in the way of the \
         one via {via} (`ip -n {namespace}{family} route delete {to}` deletes it)"
    )
}

/// Which addresses of a namespace stay as they are, and which do not.
#[derive(Default)]
struct Reach {
    staying: Vec<IpNet>,
    going: Vec<IpNet>,
}

impl Reach {
    /// Returns whether a next hop is reached all the time, through whichever interface its route has.
    ///
    /// Routes are read without their interface. If an address goes, the kernel removes some routes with it, and leaves
    /// others that lead nowhere.
    fn lasts(&self, via: IpAddr) -> bool {
        let reaches = |address: &IpNet| address.contains(&via);
        self.staying.iter().any(reaches) && !self.going.iter().any(reaches)
    }
}
