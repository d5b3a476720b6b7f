//! Routes: which go, and which are added.

use std::net::IpAddr;

use ipnet::IpNet;
use netmon_model::{
    lab::Route,
    names::{IfName, NsName, Place},
};

use super::{Planner, addresses::AddressChange};
use crate::{ownership::mark::Owner, topology::step::Step};

impl Planner<'_> {
    /// Removes the routes that do not stay, and adds those that are missing then.
    pub(super) fn routes(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for namespace in &self.lab.namespaces {
            let name = &namespace.name;
            let there = self.actual.contents(name).map_or(&[][..], |there| &there.routes);
            let reach = self.reach(name, there);
            let (staying, stale): (Vec<&Route>, Vec<&Route>) =
                there.iter().partition(|route| namespace.routes.contains(route) && reach.lasts(route.via));
            let missing = namespace.routes.iter().filter(|route| !staying.contains(route));
            steps.extend(
                stale
                    .into_iter()
                    .map(|route| Step::RemoveRoute { namespace: name.clone(), route: route.clone() }),
            );
            steps.extend(
                missing.map(|route| Step::AddRoute { namespace: name.clone(), route: route.clone() }),
            );
        }
        steps
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
                there.addresses.iter().partition(|address| change.removed.contains(address));
            reach.staying.extend(staying);
            reach.going.extend(going);
        }
        reach
    }
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
