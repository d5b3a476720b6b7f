//! Working through a plan. The first step that fails ends it, and what was done is undone.
//!
//! Steps of one kind are done together, many requests under way at once; the kinds come in the plan's order.

pub(super) mod impairments;
mod interfaces;
mod requests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeBounds,
    sync::Arc,
};

use netmon_kernel::netns::directory;
use netmon_model::{
    lab::{Bridge, Lab},
    mac::Mac,
    names::{IfIndex, LinkName, NsName, Place, Side},
    progress::Progress,
};

use self::impairments::Programs;
use super::{
    actual::Actual,
    endpoint::{AttachObserver, Endpoint},
    error::TopologyError,
    handle::{Handles, make_all},
    plan::{Phase, Plan},
    removal::{Doomed, Removal},
    resolv,
    step::Step,
    sysctl,
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
        let ends = self.lab.links.iter().flat_map(|link| [link.a.place(), link.b.place()]);
        let places: Vec<Place> = self.lab.bridges.iter().map(Bridge::place).chain(ends).collect();
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
        self.plan.steps_of(Phase::CreateBridges).iter().filter_map(|step| match step {
            Step::CreateBridge(place) => Some(place),
            _ => None,
        })
    }

    fn new_links(&self) -> impl Iterator<Item = (&'a LinkName, &'a Place, &'a Place, Option<u32>)> + use<'a> {
        self.plan.steps_of(Phase::CreateLinks).iter().filter_map(|step| match step {
            Step::CreateLink { link, a, b, mtu } => Some((link, a, b, *mtu)),
            _ => None,
        })
    }

    /// Works through the plan, phase by phase. Calls `observer` once, even if the plan is empty.
    ///
    /// # Errors
    ///
    /// Returns the first failure, after everything before it was undone. `before` is the state to restore then.
    pub fn execute(
        mut self,
        before: Option<&State>,
        observer: &mut dyn AttachObserver,
    ) -> Result<(), TopologyError> {
        match self.try_execute(before, observer) {
            Ok(()) => Ok(()),
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
        observer: &mut dyn AttachObserver,
    ) -> Result<(), TopologyError> {
        if !self.plan.is_empty() {
            self.write_down_intention(before)?;
        }
        self.phases(..Phase::SetInterfacesUp)?;
        let endpoints = self.endpoints()?;
        self.progress.busy("attaching to interfaces");
        observer.attach(&endpoints).map_err(TopologyError::AttachObserver)?;
        self.phases(Phase::SetInterfacesUp..)?;
        self.write_down_result(before)
    }

    fn phases(&mut self, range: impl RangeBounds<Phase>) -> Result<(), TopologyError> {
        self.plan.phases(range).try_for_each(|(phase, steps)| self.phase(phase, steps))
    }

    fn phase(&mut self, phase: Phase, steps: &[Step]) -> Result<(), TopologyError> {
        match phase {
            Phase::RemoveRoutes => {
                self.requests("routes removed", steps, |_, step| Ok(Self::unrouting(step)))
            }
            Phase::RemoveObjects => self.removals(steps),
            Phase::CreateNamespaces => self.namespaces(steps),
            Phase::WriteFiles => self.files(steps),
            Phase::SetNamespaceSysctls | Phase::SetInterfaceSysctls => self.settings(steps),
            Phase::CreateBridges => self.bridges(),
            Phase::CreateLinks => self.links(),
            Phase::ConfigureInterfaces => self.requests("addresses", steps, Self::addressing),
            Phase::SetImpairments => self.impairments(steps),
            Phase::SetInterfacesUp => self.requests("interfaces set up", steps, Self::setting_up),
            Phase::AddRoutes => self.requests("routes", steps, Self::routing),
        }
    }

    fn write_down_intention(&mut self, before: Option<&State>) -> Result<(), TopologyError> {
        self.record();
        let with_file = self.plan.steps_of(Phase::WriteFiles).iter().filter_map(|step| match step {
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
            let (a, b) = (interface(link.a.place())?, interface(link.b.place())?);
            Some(RecordedLink { name: link.name.clone(), a, b })
        });
        let bridges = self.lab.bridges.iter().filter_map(|bridge| interface(bridge.place()));
        (self.state.links, self.state.bridges) = (links.collect(), bridges.collect());
    }

    fn removals(&mut self, steps: &[Step]) -> Result<(), TopologyError> {
        let mut removal = Removal::default();
        for step in steps {
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

    fn namespaces(&mut self, steps: &[Step]) -> Result<(), TopologyError> {
        let name_of = |step: &Step| match step {
            Step::CreateNamespace { namespace } => Some(namespace.clone()),
            _ => None,
        };
        let wanted: Vec<NsName> = steps.iter().filter_map(name_of).collect();
        directory::prepare()?;
        let (handles, undo, progress) = (&mut self.handles, &mut self.undo, self.progress);
        make_all(&wanted, self.mark, |name, handle| {
            handles.insert(name.clone(), handle);
            undo.made_namespace(name);
            progress.at("namespaces", undo.namespaces_made(), wanted.len());
        })
    }

    fn files(&mut self, steps: &[Step]) -> Result<(), TopologyError> {
        for step in steps {
            if let Step::WriteResolvConf { namespace, nameservers } = step {
                let before = self.actual.files.get(namespace);
                self.undo.will_write_file(namespace, before);
                resolv::write(namespace, nameservers, self.mark, self.state.folders.iter())?;
            }
        }
        Ok(())
    }

    fn settings(&mut self, steps: &[Step]) -> Result<(), TopologyError> {
        for step in steps {
            let Step::SetSysctl { namespace, key, value } = step else { continue };
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
                let place = end.place();
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

fn vanished(what: &(impl ToString + ?Sized)) -> TopologyError {
    TopologyError::Vanished(what.to_string())
}
