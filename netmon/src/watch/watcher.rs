//! What is watched, as the server sees it: a source of snapshots.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use log::{debug, warn};
use netmon_kernel::netns::NetnsId;
use netmon_model::{
    error::chain,
    impairment::USUAL_MTU,
    lab::{Lab, Link},
    names::{Direction, EndpointId, IfIndex, LinkName, NsName},
    progress::Silent,
    snapshot::{Features, Flow, LabInfo, NamespaceContents, Snapshot},
};

use crate::{
    agent::{AgentError, persist::Eyes},
    control::HookCommand,
    datapath::{Datapath, DatapathError, Failure, Reading},
    ownership::Claim,
    probe::Probes,
    server::{Readiness, SnapshotSource, SourceError},
    topology::{self, Endpoint},
    watch::{
        audit::{Audited, Auditor, Books, Hooks, Witnessed},
        baselines::ImposedTable,
        interfaces::{LinkStates, Sockets},
    },
};

/// The datapath of a lab, shared by the server and the upkeep.
pub(crate) struct Watcher {
    lab: Mutex<LabInfo>,
    features: Features,
    datapath: Mutex<Datapath>,
    link_states: Mutex<LinkStates>,
    auditor: Mutex<Auditor>,
    /// What the auditor found last.
    audited: Mutex<HashMap<EndpointId, Audited>>,
    hooks_expected: AtomicUsize,
    /// What is done to packets on purpose.
    imposed: Mutex<ImposedTable>,
    /// Links whose hooks somebody takes off and puts on at the moment.
    lent: Mutex<HashSet<LinkName>>,
    /// Where everything is pinned; nowhere when it goes with this.
    pinned: Option<PathBuf>,
    probes: Probes,
}

impl Watcher {
    /// Watches `endpoints`, which the datapath is attached to.
    pub(crate) fn new(lab: &Lab, datapath: Datapath, endpoints: &[Endpoint]) -> io::Result<Self> {
        let (link_states, sockets) = LinkStates::follow(endpoints, datapath.features().mode)?;
        let watcher = Self {
            auditor: Mutex::new(Auditor::new(witnessed(&datapath, &sockets))),
            audited: Mutex::default(),
            pinned: datapath.pinned().map(|(folder, _)| folder.path().to_owned()),
            lab: Mutex::new(info(lab, datapath.pinned().is_some())),
            features: datapath.features(),
            datapath: Mutex::new(datapath),
            link_states: Mutex::new(link_states),
            hooks_expected: AtomicUsize::new(2 * endpoints.len()),
            imposed: Mutex::default(),
            lent: Mutex::default(),
            probes: Probes::default(),
        };
        watcher.impaired(lab);
        Ok(watcher)
    }

    /// Takes note of what the lab does to its packets.
    pub(crate) fn impaired(&self, lab: &Lab) {
        let links: HashMap<&LinkName, &Link> = lab.links.iter().map(|link| (&link.name, link)).collect();
        self.datapath().expect_held(|name, side| {
            links.get(name).map_or(Duration::ZERO, |link| {
                link.end(side).impairment.longest(link.mtu.unwrap_or(USUAL_MTU))
            })
        });
        let is_impaired =
            lab.links.iter().any(|link| !(link.a.impairment.is_none() && link.b.impairment.is_none()));
        if !is_impaired {
            *lock(&self.imposed) = ImposedTable::default();
            return;
        }
        // Without counts, what is measured is told from the agent's beginning on.
        let now = self.read().map(|reading| reading.links).unwrap_or_default();
        lock(&self.imposed).become_as(lab, &now);
    }

    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// The lab's probes, which are started and stopped by whoever starts and stops its services.
    pub(crate) fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Where everything is pinned; nowhere when it goes with this.
    pub(crate) fn pinned(&self) -> Option<PathBuf> {
        self.pinned.clone()
    }

    /// Counts a failure of ours. That this fails as well is not worth another.
    fn note(&self, failure: Failure, times: usize) {
        let _ = self.datapath().note(failure, times as u64);
    }

    fn datapath(&self) -> MutexGuard<'_, Datapath> {
        lock(&self.datapath)
    }

    /// Holds our counts against the kernel's.
    pub(crate) fn audit(&self) {
        let (found, errors) = lock(&self.auditor).run(self);
        *lock(&self.audited) = found;
        self.note(Failure::Audit, errors.len());
        for error in errors {
            debug!("{}", chain(&error));
        }
    }

    /// Says where somebody's program runs before ours.
    pub(crate) fn check_chain_position(&self) {
        let found = self.datapath().check_chain_position();
        match found {
            Ok(found) => {
                for (endpoint, direction) in found {
                    warn!(
                        "{direction} of {} in {}: another program runs before netmon's, or took its place; \
                         packets that it keeps are not counted",
                        endpoint.interface, endpoint.namespace
                    );
                }
            }
            Err(error) => {
                self.note(Failure::Order, 1);
                warn!("{}", chain(&error));
            }
        }
    }

    /// Takes the programs off a link's hooks, or puts them on.
    pub(crate) fn set_hooks(&self, link: &LinkName, order: HookCommand) -> Result<(), DatapathError> {
        let mut datapath = self.datapath();
        match order {
            HookCommand::Off => datapath.hooks_off(link),
            HookCommand::On => datapath.hooks_on(link),
        }
    }

    /// Lends a link's hooks to one asker at a time.
    pub(crate) fn lend(&self, link: &LinkName) -> bool {
        self.lent().insert(link.clone())
    }

    /// Takes them back.
    pub(crate) fn take_back(&self, link: &LinkName) {
        self.lent().remove(link);
    }

    fn lent(&self) -> MutexGuard<'_, HashSet<LinkName>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the programs off and lets the namespaces go, which would live on as long as they are held. Programs that are
    /// pinned stay.
    pub(crate) fn let_go(&self) -> Vec<DatapathError> {
        self.hold_no_namespaces();
        let mut datapath = self.datapath();
        if self.pinned.is_some() {
            datapath.leave();
            return Vec::new();
        }
        datapath.detach_all()
    }

    fn hold_no_namespaces(&self) {
        // The lock is free again before the end is waited for.
        let ending = lock(&self.link_states).end();
        drop(ending);
        *lock(&self.auditor) = Auditor::new(Vec::new());
    }

    /// Makes the lab as `new` has it, from `old`, and watches that. Links that stay keep their counters. When it
    /// fails, the lab is made as it was.
    pub(crate) fn change(&self, old: &Lab, new: &Lab, claim: &Claim) -> Result<(), AgentError> {
        let prepared = topology::prepare(new, claim, &Silent)?;
        self.hold_no_namespaces();
        let mut datapath = self.datapath();
        let bare = self.without_hooks(&datapath);
        // These go with their interfaces; what holds their namespaces has to go before.
        let kept = &prepared.plan().kept;
        for error in datapath.detach(|link| !kept.contains(link) || bare.contains(link)) {
            debug!("{}", chain(&error));
        }
        let mut eyes = Eyes { datapath: &mut datapath, endpoints: Vec::new() };
        let (changed, lab) = match prepared.apply(&mut eyes, &Silent) {
            Ok(()) => (Ok(()), new),
            Err(error) => {
                if let Err(error) = topology::up(old, claim, &mut eyes, &Silent) {
                    warn!("the lab could not be made as it was: {}", chain(&error));
                }
                (Err(error.into()), old)
            }
        };
        let endpoints = std::mem::take(&mut eyes.endpoints);
        let (link_states, sockets) =
            LinkStates::follow(&endpoints, datapath.features().mode).map_err(AgentError::LinkStates)?;
        let auditor = Auditor::new(witnessed(&datapath, &sockets));
        drop(datapath);
        let before = std::mem::replace(&mut *lock(&self.link_states), link_states);
        drop(before);
        *lock(&self.auditor) = auditor;
        // Slots may be others' by now.
        lock(&self.audited).clear();
        *lock(&self.lab) = info(lab, self.pinned.is_some());
        self.hooks_expected.store(2 * endpoints.len(), Ordering::Relaxed);
        self.impaired(lab);
        changed
    }

    /// The links with an end that took its hooks along: they are there to be watched anew.
    fn without_hooks(&self, datapath: &Datapath) -> HashSet<LinkName> {
        let link_states = lock(&self.link_states);
        let is_bare = |end: &&Endpoint| link_states.of(&end.namespace, end.ifindex).hooks_gone;
        datapath.endpoints().map(|(_, end)| end).filter(is_bare).map(|end| end.link.clone()).collect()
    }

    fn read(&self) -> Result<Reading, DatapathError> {
        let reading = self.datapath().read();
        if reading.is_err() {
            self.note(Failure::Read, 1);
        }
        reading
    }
}

fn info(lab: &Lab, persists: bool) -> LabInfo {
    let (name, file) = (lab.name.clone(), lab.source.to_string());
    LabInfo { name, file, persists, namespaces: NamespaceContents::of(lab) }
}

/// A panic while a lock was held leaves counters that are as good as before.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The endpoints to audit, by the namespace that they are in.
fn witnessed(datapath: &Datapath, sockets: &Sockets) -> Vec<Witnessed> {
    let mut namespaces: HashMap<NetnsId, Witnessed> = HashMap::new();
    for (id, endpoint) in datapath.endpoints() {
        let identity = endpoint.netns.identity();
        let Some(netlink) = sockets.get(&identity) else { continue };
        let witnessed = namespaces.entry(identity).or_insert_with(|| Witnessed {
            namespace: endpoint.namespace.clone(),
            netlink: Arc::clone(netlink),
            endpoints: Vec::new(),
        });
        witnessed.endpoints.push((id, endpoint.ifindex));
    }
    namespaces.into_values().collect()
}

impl Books for Watcher {
    fn hooks(&self, endpoints: &[EndpointId]) -> Result<Vec<Hooks>, DatapathError> {
        self.datapath().hooks(endpoints)
    }

    fn changes(&self, namespace: &NsName, ifindex: IfIndex) -> u64 {
        lock(&self.link_states).changes(namespace, ifindex)
    }

    fn kept(&self, endpoint: EndpointId) -> Option<Vec<u8>> {
        self.datapath().kept_accounts(endpoint)
    }

    fn keep(&self, endpoint: EndpointId, accounts: &[u8]) -> Result<(), DatapathError> {
        self.datapath().keep_accounts(endpoint, accounts)
    }
}

impl SnapshotSource for Watcher {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let mut reading = self.read()?;
        let audited = lock(&self.audited).clone();
        for end in reading.links.iter_mut().flat_map(|link| [&mut link.a, &mut link.b]) {
            let state = lock(&self.link_states).of(&end.namespace, end.ifindex);
            (end.up, end.drift) = (state.up, state.drift);
            if let Some(accounts) = audited.get(&end.id).filter(|_| state.exists) {
                end.hook_mut(Direction::Ingress).audit.clone_from(&accounts.ingress);
                end.hook_mut(Direction::Egress).audit.clone_from(&accounts.egress);
            }
            if state.hooks_gone {
                end.ingress.attached = None;
                end.egress.attached = None;
            }
        }
        lock(&self.imposed).tell(&mut reading.links);
        Ok(Snapshot {
            taken_at: SystemTime::now(),
            monotonic_ns: reading.monotonic_ns,
            lab: lock(&self.lab).clone(),
            features: reading.features,
            links: reading.links,
            probes: self.probes.read(),
            parse_exits: reading.parse_exits,
            flows: reading.flows,
            errors: reading.failures,
            cost: reading.cost,
        })
    }

    fn flows(&self) -> Vec<Flow> {
        self.datapath().flows()
    }

    fn ready(&self) -> Readiness {
        let gone = 2 * lock(&self.link_states).without_hooks();
        let attached = self.datapath().hooks_attached().saturating_sub(gone);
        Readiness::of_hooks(attached, self.hooks_expected.load(Ordering::Relaxed))
    }
}
