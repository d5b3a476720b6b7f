//! Working through a plan. The first step that fails ends it, and what was done is undone.
//!
//! Steps of one kind are done together, many requests under way at once; the kinds come in the plan's order.

mod requests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    actual::Actual,
    claim::Holder,
    endpoint::{Endpoint, Instrument},
    error::TopologyError,
    handle::{Handles, make_all},
    mark::Mark,
    plan::{Place, Plan, Step},
    progress::Progress,
    removal::{Doomed, Removal},
    resolv,
    state::{RecordedEnd, RecordedLink, RecordedNamespace, State},
    sysctl,
    undo::Undo,
};
use crate::{
    lab::{End, Lab},
    names::{IfIndex, LinkName, NsName, Side},
    netlink::{
        Mac,
        link::{self, VethEnd},
    },
    netns::directory,
};

/// How many links are asked for between two words on the progress.
const BATCH: usize = 64;

/// One plan being worked through.
pub struct Build<'a> {
    lab: &'a Lab,
    plan: &'a Plan,
    actual: &'a Actual,
    mark: &'a Mark,
    handles: Handles,
    state: State,
    ends: BTreeMap<Place, EndOfLink>,
    undo: Undo,
    progress: &'a dyn Progress,
}

/// What is known of an end of a link of the lab.
#[derive(Clone, Copy, Debug)]
struct EndOfLink {
    mac: Mac,
    /// Its number and its peer's; none until it is made.
    made: Option<(IfIndex, IfIndex)>,
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
            ends: BTreeMap::new(),
            undo: Undo::default(),
            progress,
        };
        build.state.agent = agent.cloned();
        build.choose_addresses()?;
        Ok(build)
    }

    /// Every end of the lab: as it is, or with a new link-layer address.
    fn choose_addresses(&mut self) -> Result<(), TopologyError> {
        let fresh = Mac::random(2 * self.lab.links.len())
            .map_err(|e| TopologyError::file("read", "/dev/urandom".as_ref(), e))?;
        let made: BTreeSet<&LinkName> = self.new_links().map(|(link, ..)| link).collect();
        let ends = self.lab.links.iter().flat_map(|link| [(link, &link.a), (link, &link.b)]);
        for ((link, end), mac) in ends.zip(fresh) {
            let there = self.actual.own_interface(&end.namespace, end.interface.as_str());
            let kept = there.filter(|_| !made.contains(&link.name));
            let end_of_link = EndOfLink {
                mac: kept.and_then(|there| there.mac).unwrap_or(mac),
                made: kept.and_then(|there| Some((there.index, there.peer_index?))),
            };
            self.ends.insert(place(end), end_of_link);
        }
        Ok(())
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
        instrument: &mut dyn Instrument,
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
        instrument: &mut dyn Instrument,
    ) -> Result<Vec<Endpoint>, TopologyError> {
        if !self.plan.is_empty() {
            self.write_down_intention(before)?;
            self.removals()?;
            self.namespaces()?;
            self.files()?;
            self.settings(false)?;
            self.links()?;
            self.requests(Self::addressing)?;
            self.settings(true)?;
        }
        let endpoints = self.endpoints()?;
        instrument.attach(&endpoints).map_err(TopologyError::Instrument)?;
        self.requests(Self::setting_up)?;
        self.requests(Self::routing)?;
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
        self.state.store()
    }

    fn write_down_result(&mut self, before: Option<&State>) -> Result<(), TopologyError> {
        self.record();
        self.state.complete = true;
        if self.plan.is_empty()
            && let Some(before) = before
        {
            self.state.folders.clone_from(&before.folders);
        }
        if before == Some(&self.state) { Ok(()) } else { self.state.store() }
    }

    /// Everything that the lab wants, with what is known of it by now.
    fn record(&mut self) {
        let namespaces = self.lab.namespaces.iter().map(|namespace| RecordedNamespace {
            name: namespace.name.clone(),
            cookie: self.handles.get(&namespace.name).and_then(|handle| handle.netlink.cookie().ok()),
        });
        self.state.namespaces = namespaces.collect();
        let end = |end: &End| {
            let known = self.ends.get(&place(end))?;
            Some(RecordedEnd {
                namespace: end.namespace.clone(),
                interface: end.interface.clone(),
                mac: known.mac,
                ifindex: known.made.map(|(index, _)| index),
            })
        };
        let links = self.lab.links.iter().filter_map(|link| {
            Some(RecordedLink { name: link.name.clone(), a: end(&link.a)?, b: end(&link.b)? })
        });
        self.state.links = links.collect();
    }

    fn removals(&mut self) -> Result<(), TopologyError> {
        let mut removal = Removal::default();
        for step in &self.plan.steps {
            match step {
                Step::RemoveLink(place) => {
                    let there = self.actual.own_interface(&place.namespace, place.interface.as_str());
                    removal.links.extend(there.map(|there| Doomed {
                        place: place.clone(),
                        index: there.index,
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

    fn links(&mut self) -> Result<(), TopologyError> {
        let wanted: Vec<_> = self.new_links().collect();
        for (batch, number) in wanted.chunks(BATCH).zip(1..) {
            self.create_links(batch)?;
            self.progress.at("links", wanted.len().min(number * BATCH), wanted.len());
        }
        self.find_new_ends(wanted.iter().flat_map(|(_, a, b, _)| [*a, *b]))
    }

    fn create_links(
        &mut self,
        batch: &[(&LinkName, &Place, &Place, Option<u32>)],
    ) -> Result<(), TopologyError> {
        let mut requests = Vec::with_capacity(batch.len());
        for (_, a, b, mtu) in batch {
            requests.push(link::create_veth(self.veth_end(a, *mtu)?, self.veth_end(b, *mtu)?));
        }
        let root = self.handles.get_mut(&NsName::root()).ok_or_else(|| vanished("root"))?;
        let answers = root.netlink.pipeline(&requests);
        let mut failed = None;
        for ((_, a, b, _), answer) in batch.iter().zip(answers) {
            match answer {
                Ok(()) => self.undo.made_link(a, b),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(()), |e| Err(e.into()))
    }

    fn veth_end<'b>(&'b self, place: &'b Place, mtu: Option<u32>) -> Result<VethEnd<'b>, TopologyError> {
        let known = self.ends.get(place).ok_or_else(|| vanished(place))?;
        let handle = self.handles.get(&place.namespace).ok_or_else(|| vanished(&place.namespace))?;
        Ok(VethEnd {
            namespace: &handle.namespace,
            name: &place.interface,
            mac: known.mac,
            // A new namespace is not always empty (tunl0, sit0), so no number is known to be free.
            index: None,
            mtu,
        })
    }

    /// Learns the numbers that the kernel chose.
    fn find_new_ends<'b>(&mut self, ends: impl Iterator<Item = &'b Place>) -> Result<(), TopologyError> {
        let mut by_namespace: BTreeMap<&NsName, Vec<&Place>> = BTreeMap::new();
        for place in ends {
            by_namespace.entry(&place.namespace).or_default().push(place);
        }
        for (namespace, places) in by_namespace {
            let handle = self.handles.get_mut(namespace).ok_or_else(|| vanished(namespace))?;
            let listed = handle.netlink.interfaces()?;
            let by_mac: BTreeMap<_, _> = listed
                .iter()
                .filter_map(|there| Some((there.mac?, (there.index, there.peer_index?))))
                .collect();
            for place in places {
                let end = self.ends.get_mut(place).ok_or_else(|| vanished(place))?;
                let (index, peer) = by_mac.get(&end.mac).ok_or_else(|| vanished(place))?;
                end.made = Some((IfIndex(*index), IfIndex(*peer)));
            }
        }
        Ok(())
    }

    fn index(&self, place: &Place) -> Result<IfIndex, TopologyError> {
        let made = self.ends.get(place).and_then(|end| end.made);
        made.map(|(index, _)| index).ok_or_else(|| vanished(place))
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, TopologyError> {
        let mut endpoints = Vec::with_capacity(2 * self.lab.links.len());
        for link in &self.lab.links {
            for side in [Side::A, Side::B] {
                let end = link.end(side);
                let place = place(end);
                let made = self.ends.get(&place).and_then(|end| end.made);
                let (ifindex, peer_ifindex) = made.ok_or_else(|| vanished(&place))?;
                let handle = self.handles.get(&end.namespace).ok_or_else(|| vanished(&end.namespace))?;
                let cookie = handle.netlink.cookie()?;
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

fn vanished(what: &(impl ToString + ?Sized)) -> TopologyError {
    TopologyError::Vanished(what.to_string())
}
