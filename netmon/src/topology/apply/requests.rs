//! The steps that are netlink requests inside a namespace, and the requests that undo them.

use std::collections::BTreeMap;

use netmon_kernel::netlink::{Request, address, link, route};
use netmon_model::names::{IfIndex, NsName, Place};

use super::{
    super::{error::TopologyError, installed_impairment::InstalledImpairment, lent, step::Step},
    Build,
    impairments::Target,
    vanished,
};

/// A request to be sent inside a namespace, and those that undo it.
pub(super) struct Job {
    namespace: NsName,
    request: Request,
    /// In the order in which they are sent.
    inverse: Vec<Request>,
}

impl Build<'_> {
    pub(super) fn configure(&self, step: &Step) -> Result<Option<Job>, TopologyError> {
        let mark = self.mark.as_str();
        Ok(Some(match step {
            Step::Mark(place) => {
                let request = link::set_alias(self.index(place)?, place.interface.as_str(), mark);
                Job { namespace: place.namespace.clone(), request, inverse: Vec::new() }
            }
            Step::SetMac { place, mac } => {
                let (index, name) = (self.index(place)?, place.interface.as_str());
                let before = self.actual.own_interface(&place.namespace, name).and_then(|before| before.mac);
                let inverse = before.map(|before| link::set_mac(index, name, before)).into_iter().collect();
                Job { namespace: place.namespace.clone(), request: link::set_mac(index, name, *mac), inverse }
            }
            Step::SetMtu { place, mtu } => {
                let (index, name) = (self.index(place)?, place.interface.as_str());
                let before = self.actual.own_interface(&place.namespace, name);
                let inverse =
                    before.map(|before| link::set_mtu(index, name, before.mtu)).into_iter().collect();
                Job { namespace: place.namespace.clone(), request: link::set_mtu(index, name, *mtu), inverse }
            }
            Step::SetBridge { place, bridge } => {
                let bridge = Place { namespace: place.namespace.clone(), interface: bridge.clone() };
                let foreign = lent::foreign_bridge(self.lab, self.actual, &bridge);
                let bridge = foreign.map_or_else(|| self.index(&bridge), |there| Ok(there.index))?;
                self.port_of(place, Some(bridge))?
            }
            Step::LeaveBridge(place) => self.port_of(place, None)?,
            Step::AddAddress { place, address } => {
                let (index, name) = (self.index(place)?, place.interface.as_str());
                self.job(place, address::add(index, name, *address), address::remove(index, name, *address))
            }
            Step::RemoveAddress { place, address } => {
                let (index, name) = (self.index(place)?, place.interface.as_str());
                self.job(place, address::remove(index, name, *address), address::add(index, name, *address))
            }
            _ => return Ok(None),
        }))
    }

    fn port_of(&self, place: &Place, bridge: Option<IfIndex>) -> Result<Job, TopologyError> {
        let (index, name) = (self.index(place)?, place.interface.as_str());
        let before = self.actual.own_interface(&place.namespace, name).and_then(|before| before.controller);
        let inverse = link::set_bridge(index, name, before);
        Ok(self.job(place, link::set_bridge(index, name, bridge), inverse))
    }

    pub(super) fn set_up(&self, step: &Step) -> Result<Option<Job>, TopologyError> {
        let Step::SetUp(place) = step else { return Ok(None) };
        let (index, name) = (self.index(place)?, place.interface.as_str());
        Ok(Some(self.job(place, link::set_up(index, name), link::set_down(index, name))))
    }

    pub(super) fn add_route(&self, step: &Step) -> Result<Option<Job>, TopologyError> {
        let job = |namespace: &NsName, request, inverse| {
            let inverse = (!self.undo.is_new_namespace(namespace)).then_some(inverse).into_iter().collect();
            Some(Job { namespace: namespace.clone(), request, inverse })
        };
        Ok(match step {
            Step::AddRoute { namespace, route } => job(namespace, route::add(route), route::remove(route)),
            Step::ReplaceRoute { namespace, route, .. } => {
                let inside = self.actual.contents(namespace);
                let mut others = inside.into_iter().flat_map(|inside| &inside.other_routes);
                let other = others.find(|other| other.to == route.to).ok_or_else(|| vanished(namespace))?;
                job(namespace, route::replace(route), other.restore())
            }
            _ => None,
        })
    }

    pub(super) fn remove_route(step: &Step) -> Option<Job> {
        let Step::RemoveRoute { namespace, route } = step else { return None };
        let (request, inverse) = (route::remove(route), vec![route::add(route)]);
        Some(Job { namespace: namespace.clone(), request, inverse })
    }

    /// A change to a new interface is undone with the interface.
    fn job(&self, place: &Place, request: Request, inverse: Request) -> Job {
        let inverse = (!self.undo.is_new_interface(place)).then_some(inverse).into_iter().collect();
        Job { namespace: place.namespace.clone(), request, inverse }
    }

    pub(super) fn impairments(&mut self, steps: &[Step]) -> Result<(), TopologyError> {
        let nothing = InstalledImpairment::default();
        let mut jobs = Vec::new();
        for step in steps {
            let Step::Impair { place, mtu, impairment } = step else { continue };
            let is_new = self.undo.is_new_interface(place);
            let there = self.actual.own_interface(&place.namespace, place.interface.as_str());
            let there = there.filter(|_| !is_new).map_or(&nothing, |there| &there.impairment);
            let target = Target { place, index: self.index(place)?, mtu: *mtu, there };
            for sent in target.requests(impairment, &mut self.programs)? {
                let inverse = if is_new { Vec::new() } else { sent.inverse };
                jobs.push(Job { namespace: place.namespace.clone(), request: sent.request, inverse });
            }
        }
        self.send("impairments", jobs)
    }

    /// Sends what `job_of` returns for the steps, namespace by namespace, and in the plan's order within each. `what` is shown
    /// as progress.
    pub(super) fn requests(
        &mut self,
        what: &'static str,
        steps: &[Step],
        job_of: impl Fn(&Self, &Step) -> Result<Option<Job>, TopologyError>,
    ) -> Result<(), TopologyError> {
        let mut jobs = Vec::new();
        for step in steps {
            jobs.extend(job_of(self, step)?);
        }
        self.send(what, jobs)
    }

    fn send(&mut self, what: &'static str, jobs: Vec<Job>) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<NsName, (Vec<Request>, Vec<Vec<Request>>)> = BTreeMap::new();
        for job in jobs {
            let (requests, inverses) = by_namespace.entry(job.namespace).or_default();
            requests.push(job.request);
            inverses.push(job.inverse);
        }
        let total = by_namespace.values().map(|(requests, _)| requests.len()).sum();
        let mut done = 0;
        for (namespace, (requests, inverses)) in by_namespace {
            self.progress.at(what, done, total);
            done += requests.len();
            let handle = self.handles.get_mut(&namespace).ok_or_else(|| vanished(&namespace))?;
            let mut failed = None;
            for (answer, inverse) in handle.netlink()?.pipeline(&requests).into_iter().zip(inverses) {
                match answer {
                    // In reverse: the request that was recorded last is undone first.
                    Ok(()) => inverse.into_iter().rev().for_each(|one| self.undo.requested(&namespace, one)),
                    Err(e) => failed = failed.or(Some(e)),
                }
            }
            if let Some(source) = failed {
                return Err(TopologyError::Inside { namespace, source });
            }
        }
        Ok(())
    }
}
