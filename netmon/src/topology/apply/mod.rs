//! Works through a plan, phase by phase. After the first failure, everything before it is undone.
//!
//! Within a phase, many requests are under way at once.

pub(super) mod impairments;
mod interfaces;
mod ipv6_ready;
mod requests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeBounds,
    sync::Arc,
};

use netmon_kernel::{netlink::link, netns::directory};
use netmon_model::{
    lab::{Bridge, Lab},
    mac::Mac,
    names::{IfIndex, LinkName, NsName, Place, Side},
    progress::Progress,
};

use self::impairments::Programs;
use super::{
    actual::{Actual, LOOPBACK},
    endpoint::{AttachObserver, Endpoint},
    error::TopologyError,
    handle::{Handles, create_all},
    plan::{Phase, Plan},
    removal::{Removal, StaleInterface},
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

/// One plan that is being worked through.
pub struct Build<'a> {
    lab: &'a Lab,
    plan: &'a Plan,
    actual: &'a Actual,
    mark: &'a Mark,
    handles: Handles,
    state: State,
    interfaces: BTreeMap<Place, KnownInterface>,
    undo: Undo,
    programs: Programs,
    progress: &'a dyn Progress,
}

/// What is known so far of an interface of the lab.
#[derive(Clone, Copy, Debug)]
struct KnownInterface {
    mac: Mac,
    /// `None` until it is created.
    index: Option<IfIndex>,
    /// The index of its peer. `None` for a bridge, and until the link is created.
    peer: Option<IfIndex>,
}

impl<'a> Build<'a> {
    /// Prepares to work through `plan`, which was made from `lab` and `actual`. `agent` is recorded as the agent of the
    /// lab.
    ///
    /// # Errors
    ///
    /// Fails if random numbers or the boot id cannot be read.
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
        build.choose_macs()?;
        Ok(build)
    }

    /// Fills in every interface of the lab: as it is, or with a random link-layer address.
    fn choose_macs(&mut self) -> Result<(), TopologyError> {
        let created: BTreeSet<&Place> =
            self.new_bridges().chain(self.new_links().flat_map(|(_, a, b, _)| [a, b])).collect();
        let ends = self.lab.links.iter().flat_map(|link| [link.a.place(), link.b.place()]);
        let places: Vec<Place> = self.lab.bridges.iter().map(Bridge::place).chain(ends).collect();
        let random = netmon_kernel::netlink::random_macs(places.len())
            .map_err(|e| TopologyError::file("read", "/dev/urandom".as_ref(), e))?;
        for (place, mac) in places.into_iter().zip(random) {
            let there = self.actual.own_interface(&place.namespace, place.interface.as_str());
            let kept = there.filter(|_| !created.contains(&place));
            let known = KnownInterface {
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
                let step = Box::new(source);
                Err(if left.is_empty() {
                    TopologyError::Undone(step)
                } else {
                    TopologyError::NotUndone { step, left }
                })
            }
        }
    }

    fn try_execute(
        &mut self,
        before: Option<&State>,
        observer: &mut dyn AttachObserver,
    ) -> Result<(), TopologyError> {
        if !self.plan.is_empty() {
            self.record_intent(before)?;
        }
        self.phases(..Phase::SetInterfacesUp)?;
        let endpoints = self.endpoints()?;
        self.progress.busy("attaching to interfaces");
        observer.attach(&endpoints).map_err(TopologyError::AttachObserver)?;
        self.phases(Phase::SetInterfacesUp..)?;
        self.await_ipv6();
        self.record_result(before)
    }

    fn phases(&mut self, range: impl RangeBounds<Phase>) -> Result<(), TopologyError> {
        self.plan.phases(range).try_for_each(|(phase, steps)| self.phase(phase, steps))
    }

    fn phase(&mut self, phase: Phase, steps: &[Step]) -> Result<(), TopologyError> {
        match phase {
            Phase::RemoveRoutes => {
                self.requests("routes removed", steps, |_, step| Ok(Self::remove_route(step)))
            }
            Phase::RemoveObjects => self.removals(steps),
            Phase::CreateNamespaces => self.namespaces(steps),
            Phase::WriteFiles => self.files(steps),
            Phase::SetNamespaceSysctls | Phase::SetInterfaceSysctls => self.settings(steps),
            Phase::CreateBridges => self.bridges(),
            Phase::CreateLinks => self.links(),
            Phase::ConfigureInterfaces => self.requests("addresses", steps, Self::configure),
            Phase::SetImpairments => self.impairments(steps),
            Phase::SetInterfacesUp => self.requests("interfaces set up", steps, Self::set_up),
            Phase::AddRoutes => self.requests("routes", steps, Self::add_route),
        }
    }

    fn record_intent(&mut self, before: Option<&State>) -> Result<(), TopologyError> {
        self.fill_state();
        let with_file = self.plan.steps_of(Phase::WriteFiles).iter().filter_map(|step| match step {
            Step::WriteResolvConf { namespace, .. } => Some(namespace),
            _ => None,
        });
        self.state.folders = resolv::missing_folders(with_file).into_iter().collect();
        self.state.folders.extend(before.into_iter().flat_map(|before| before.folders.clone()));
        Ok(self.state.store()?)
    }

    fn record_result(&mut self, before: Option<&State>) -> Result<(), TopologyError> {
        self.replace_random_macs();
        self.fill_state();
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

    /// Random addresses were needed until the interfaces were marked. From now on they have those of the lab file.
    fn replace_random_macs(&mut self) {
        for step in self.plan.steps_of(Phase::ConfigureInterfaces) {
            if let Step::SetMac { place, mac } = step
                && let Some(known) = self.interfaces.get_mut(place)
            {
                known.mac = *mac;
            }
        }
    }

    /// Fills the state with everything that the lab wants, and with what is known of it so far.
    fn fill_state(&mut self) {
        let namespaces = self.lab.namespaces.iter().map(|namespace| RecordedNamespace {
            name: namespace.name.clone(),
            cookie: self.handles.get(&namespace.name).and_then(|handle| handle.cookie().ok()),
        });
        self.state.namespaces = namespaces.collect();
        let with_file = self.lab.namespaces.iter().filter(|namespace| namespace.nameservers.is_some());
        self.state.files = with_file.map(|namespace| namespace.name.clone()).collect();
        let interface = |place: Place| {
            let KnownInterface { mac, index: ifindex, .. } = *self.interfaces.get(&place)?;
            let Place { namespace, interface } = place;
            Some(RecordedInterface { namespace, interface, mac, ifindex })
        };
        let links = self.lab.links.iter().filter_map(|link| {
            let (a, b) = (interface(link.a.place())?, interface(link.b.place())?);
            let in_container = self.lab.leads_into_container(link);
            Some(RecordedLink { name: link.name.clone(), a, b, in_container })
        });
        let bridges = self.lab.bridges.iter().filter_map(|bridge| interface(bridge.place()));
        (self.state.links, self.state.bridges) = (links.collect(), bridges.collect());
    }

    fn removals(&mut self, steps: &[Step]) -> Result<(), TopologyError> {
        let mut removal = Removal::default();
        for step in steps {
            match step {
                Step::RemoveLink(place) | Step::RemoveBridge(place) => {
                    removal.links.extend(self.actual.own_index(place).map(|index| StaleInterface {
                        place: place.clone(),
                        index,
                        goes_with_namespace: false,
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
        create_all(&wanted, self.mark, |name, handle| {
            handles.insert(name.clone(), handle);
            undo.created_namespace(name);
            progress.at("namespaces", undo.namespaces_created(), wanted.len());
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
            match step {
                Step::SetSysctl { namespace, key, value } => self.setting(namespace, key, value)?,
                Step::PromoteSecondaries(Place { namespace, interface }) => {
                    self.setting(namespace, &sysctl::promote_secondaries(interface), "1")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn setting(&mut self, namespace: &NsName, key: &str, value: &str) -> Result<(), TopologyError> {
        let Some(handle) = self.handles.get(namespace) else { return Ok(()) };
        let before = sysctl::write(&handle.namespace, key, value)?;
        self.undo.changed_setting(namespace, key, before);
        Ok(())
    }

    fn index(&self, place: &Place) -> Result<IfIndex, TopologyError> {
        if place.interface.as_str() == LOOPBACK {
            return Ok(link::LOOPBACK);
        }
        self.interfaces.get(place).and_then(|known| known.index).ok_or_else(|| vanished(place))
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, TopologyError> {
        let mut endpoints = Vec::with_capacity(2 * self.lab.links.len());
        for link in &self.lab.links {
            let in_container = self.lab.leads_into_container(link);
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
                    in_container,
                });
            }
        }
        Ok(endpoints)
    }
}

fn vanished(what: &(impl ToString + ?Sized)) -> TopologyError {
    TopologyError::Vanished(what.to_string())
}
