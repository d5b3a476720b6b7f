//! Working through a plan. The first step that fails ends it, and what was done is undone.
//!
//! Steps of one kind are done together, many requests under way at once; the kinds come in the plan's order.

pub(super) mod impairments;
mod interfaces;
mod requests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use netmon_kernel::netns::directory;
use netmon_model::{
    lab::{Bridge, End, Lab},
    mac::Mac,
    names::{IfIndex, LinkName, NsName, Side},
    progress::Progress,
};

use self::impairments::Programs;
use super::{
    actual::Actual,
    endpoint::{AttachObserver, Endpoint},
    error::TopologyError,
    handle::{Handles, make_all},
    plan::{Place, Plan, Step},
    removal::{Doomed, Removal},
    resolv, sysctl,
    undo::Undo,
};
use crate::ownership::{
    claim::Holder,
    mark::Mark,
    state::{RecordedInterface, RecordedLink, RecordedNamespace, State},
};

/// One plan being worked through.
pub struct Build<'a> {
    lab: &'a Lab,
    plan: &'a Plan,
    actual: &'a Actual,
    mark: &'a Mark,
    handles: Handles,
    state: State,
    interfaces: BTreeMap<Place, Known>,
    undo: Undo,
    programs: Programs,
    progress: &'a dyn Progress,
}

/// What is known of an interface of the lab: of an end of a link, or of a bridge.
#[derive(Clone, Copy, Debug)]
struct Known {
    mac: Mac,
    /// Its number; none until it is made.
    index: Option<IfIndex>,
    /// Its peer's number; none of a bridge.
    peer: Option<IfIndex>,
}

impl<'a> Build<'a> {
    /// Prepares to work through `plan`, which was made from `lab` and `actual`, for `agent` if there is one.
    ///
    /// # Errors
    ///
    /// When the machine has no random numbers or no boot id.
    pub fn new(
        lab: &'a Lab,
        plan: &'a Plan,
        (actual, handles): (&'a Actual, Handles),
        mark: &'a Mark,
        agent: Option<&Holder>,
        progress: &'a dyn Progress,
    ) -> Result<Self, TopologyError> {
        let mut build = Self {
            lab,
            plan,
            actual,
            mark,
            handles,
            state: State::new(lab)?,
            interfaces: BTreeMap::new(),
            undo: Undo::default(),
            programs: Programs::default(),
            progress,
        };
        build.state.agent = agent.cloned();
        build.choose_addresses()?;
        Ok(build)
    }

    /// Every interface of the lab: as it is, or with a new link-layer address.
    fn choose_addresses(&mut self) -> Result<(), TopologyError> {
        let made: BTreeSet<&Place> =
            self.new_bridges().chain(self.new_links().flat_map(|(_, a, b, _)| [a, b])).collect();
        let ends = self.lab.links.iter().flat_map(|link| [place(&link.a), place(&link.b)]);
        let places: Vec<Place> = self.lab.bridges.iter().map(of_bridge).chain(ends).collect();
        let fresh = netmon_kernel::netlink::random_macs(places.len())
            .map_err(|e| TopologyError::file("read", "/dev/urandom".as_ref(), e))?;
        for (place, mac) in places.into_iter().zip(fresh) {
            let there = self.actual.own_interface(&place.namespace, place.interface.as_str());
            let kept = there.filter(|_| !made.contains(&place));
            let known = Known {
                mac: kept.and_then(|there| there.mac).unwrap_or(mac),
                index: kept.map(|there| there.index),
                peer: kept.and_then(|there| there.peer_index),
            };
            self.interfaces.insert(place, known);
        }
        Ok(())
    }

    fn new_bridges(&self) -> impl Iterator<Item = &'a Place> + use<'a> {
        self.plan.steps.iter().filter_map(|step| match step {
            Step::CreateBridge(place) => Some(place),
            _ => None,
        })
    }

    fn new_links(&self) -> impl Iterator<Item = (&'a LinkName, &'a Place, &'a Place, Option<u32>)> + use<'a> {
        self.plan.steps.iter().filter_map(|step| match step {
            Step::CreateLink { link, a, b, mtu } => Some((link, a, b, *mtu)),
            _ => None,
        })
    }

    /// Works through the plan. Calls `instrument` once, also when the plan is empty.
    ///
    /// # Errors
    ///
    /// The first failure; what was done is undone by then. `before` is the state to go back to.
    pub fn execute(
        mut self,
        before: Option<&State>,
        instrument: &mut dyn AttachObserver,
    ) -> Result<Vec<Endpoint>, TopologyError> {
        match self.try_execute(before, instrument) {
            Ok(endpoints) => Ok(endpoints),
            Err(source) => {
                let left = self.undo.execute(&mut self.handles, self.mark, &self.state, before);
                if left.is_empty() {
                    Err(source)
                } else {
                    Err(TopologyError::NotUndone { source: Box::new(source), left })
                }
            }
        }
    }

    fn try_execute(
        &mut self,
        before: Option<&State>,
        instrument: &mut dyn AttachObserver,
    ) -> Result<Vec<Endpoint>, TopologyError> {
        if !self.plan.is_empty() {
            self.write_down_intention(before)?;
            self.requests("routes removed", |_, step| Ok(Self::unrouting(step)))?;
            self.removals()?;
            self.namespaces()?;
            self.files()?;
            self.settings(false)?;
            self.bridges()?;
            self.links()?;
            self.requests("addresses", Self::addressing)?;
            self.impairments()?;
            self.settings(true)?;
        }
        let endpoints = self.endpoints()?;
        self.progress.busy("attaching to interfaces");
        instrument.attach(&endpoints).map_err(TopologyError::AttachObserver)?;
        self.requests("interfaces set up", Self::setting_up)?;
        self.requests("routes", Self::routing)?;
        self.write_down_result(before)?;
        Ok(endpoints)
    }

    fn write_down_intention(&mut self, before: Option<&State>) -> Result<(), TopologyError> {
        self.record();
        let with_file = self.plan.steps.iter().filter_map(|step| match step {
            Step::WriteResolvConf { namespace, .. } => Some(namespace),
            _ => None,
        });
        self.state.folders = resolv::missing_folders(with_file).into_iter().collect();
        self.state.folders.extend(before.into_iter().flat_map(|before| before.folders.clone()));
        Ok(self.state.store()?)
    }

    fn write_down_result(&mut self, before: Option<&State>) -> Result<(), TopologyError> {
        self.record();
        self.state.complete = true;
        if self.plan.is_empty()
            && let Some(before) = before
        {
            self.state.folders.clone_from(&before.folders);
        }
        if before != Some(&self.state) {
            self.state.store()?;
        }
        Ok(())
    }

    /// Everything that the lab wants, with what is known of it by now.
    fn record(&mut self) {
        let namespaces = self.lab.namespaces.iter().map(|namespace| RecordedNamespace {
            name: namespace.name.clone(),
            cookie: self.handles.get(&namespace.name).and_then(|handle| handle.cookie().ok()),
        });
        self.state.namespaces = namespaces.collect();
        let with_file = self.lab.namespaces.iter().filter(|namespace| namespace.nameservers.is_some());
        self.state.files = with_file.map(|namespace| namespace.name.clone()).collect();
        let interface = |place: Place| {
            let Known { mac, index: ifindex, .. } = *self.interfaces.get(&place)?;
            let Place { namespace, interface } = place;
            Some(RecordedInterface { namespace, interface, mac, ifindex })
        };
        let links = self.lab.links.iter().filter_map(|link| {
            let (a, b) = (interface(place(&link.a))?, interface(place(&link.b))?);
            Some(RecordedLink { name: link.name.clone(), a, b })
        });
        let bridges = self.lab.bridges.iter().filter_map(|bridge| interface(of_bridge(bridge)));
        (self.state.links, self.state.bridges) = (links.collect(), bridges.collect());
    }

    fn removals(&mut self) -> Result<(), TopologyError> {
        let mut removal = Removal::default();
        for step in &self.plan.steps {
            match step {
                Step::RemoveLink(place) | Step::RemoveBridge(place) => {
                    removal.links.extend(self.actual.own_index(place).map(|index| Doomed {
                        place: place.clone(),
                        index,
                        dies_by_itself: false,
                    }));
                }
                Step::RemoveNamespace { namespace } | Step::ClearName { namespace } => {
                    removal.namespaces.push(namespace.clone());
                }
                Step::RemoveResolvConf { namespace } => removal.files.push(namespace.clone()),
                _ => {}
            }
        }
        let outcome = removal.execute(&mut self.handles, self.mark, self.progress);
        outcome.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        if outcome.errors.is_empty() { Ok(()) } else { Err(TopologyError::Removal(outcome.errors)) }
    }

    fn namespaces(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<NsName> = self
            .plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::CreateNamespace { namespace } => Some(namespace.clone()),
                _ => None,
            })
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        directory::prepare()?;
        let (handles, undo, progress) = (&mut self.handles, &mut self.undo, self.progress);
        make_all(&wanted, self.mark, |name, handle| {
            handles.insert(name.clone(), handle);
            undo.made_namespace(name);
            progress.at("namespaces", undo.namespaces_made(), wanted.len());
        })
    }

    fn files(&mut self) -> Result<(), TopologyError> {
        for step in &self.plan.steps {
            if let Step::WriteResolvConf { namespace, nameservers } = step {
                let before = self.actual.files.get(namespace);
                self.undo.will_write_file(namespace, before);
                resolv::write(namespace, nameservers, self.mark, self.state.folders.iter())?;
            }
        }
        Ok(())
    }

    fn settings(&mut self, of_interfaces: bool) -> Result<(), TopologyError> {
        for step in &self.plan.steps {
            let Step::SetSysctl { namespace, key, value } = step else { continue };
            if sysctl::interface_of(key).is_some() != of_interfaces {
                continue;
            }
            let Some(handle) = self.handles.get(namespace) else { continue };
            let before = sysctl::write(&handle.namespace, key, value)?;
            self.undo.changed_setting(namespace, key, before);
        }
        Ok(())
    }

    fn index(&self, place: &Place) -> Result<IfIndex, TopologyError> {
        self.interfaces.get(place).and_then(|known| known.index).ok_or_else(|| vanished(place))
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, TopologyError> {
        let mut endpoints = Vec::with_capacity(2 * self.lab.links.len());
        for link in &self.lab.links {
            for side in [Side::A, Side::B] {
                let end = link.end(side);
                let place = place(end);
                let known = self.interfaces.get(&place).and_then(|known| Some((known.index?, known.peer?)));
                let (ifindex, peer_ifindex) = known.ok_or_else(|| vanished(&place))?;
                let handle = self.handles.get(&end.namespace).ok_or_else(|| vanished(&end.namespace))?;
                let cookie = handle.cookie()?;
                endpoints.push(Endpoint {
                    link: link.name.clone(),
                    side,
                    namespace: place.namespace,
                    interface: place.interface,
                    ifindex,
                    peer_ifindex,
                    netns: Arc::clone(&handle.namespace),
                    cookie,
                    addresses: end.addresses.clone(),
                });
            }
        }
        Ok(endpoints)
    }
}

fn place(end: &End) -> Place {
    Place { namespace: end.namespace.clone(), interface: end.interface.clone() }
}

fn of_bridge(bridge: &Bridge) -> Place {
    Place { namespace: bridge.namespace.clone(), interface: bridge.name.clone() }
}

fn vanished(what: &(impl ToString + ?Sized)) -> TopologyError {
    TopologyError::Vanished(what.to_string())
}
