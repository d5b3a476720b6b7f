//! Watching: one owner of the inventory, the datapath, the state of interfaces, the audit and the baselines of
//! impairments.
//!
//! All of it lies behind one lock. Whatever blocks is done without that lock: reading a namespace's interfaces, an audit,
//! the making of a lab. The order of locks is: a namespace's sockets ([`interfaces::Subscription`]) first, this lock
//! second, never the other way round.
//!
//! Endpoints come and go one by one, and each costs the work for one. The agent decides what is watched and for how long;
//! the server reads the snapshots.

mod assemble;
pub mod audit;
mod baselines;
mod error;
mod interfaces;
pub mod inventory;
mod meter;
mod source;
pub mod upkeep;

use std::{
    collections::{HashMap, HashSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use log::{debug, warn};
use netmon_kernel::netns::{NetNs, NetnsId};
use netmon_model::{
    error::chain,
    impairment::USUAL_MTU,
    lab::{Lab, Link},
    names::{EndpointId, IfIndex, InterfaceId, LinkName, NsName, Place, Side},
    progress::Silent,
    snapshot::{ErrorKind, Features, LabInfo, NamespaceContents},
};

use self::{
    audit::{AuditTarget, Audited, Auditor},
    baselines::Baselines,
    interfaces::{Followed, Follower, Interfaces, Observer},
    meter::EndpointChange,
};
pub use self::{error::WatchError, meter::Meter};
use crate::{
    ownership::Claim,
    probe::Probes,
    topology::{self, AttachObserver, BoxError, Endpoint, Step, TopologyError},
};

/// Everything that is watched.
pub struct Watch {
    shared: Arc<Shared>,
    follower: Follower,
    features: Features,
    /// Where everything is pinned; `None` if it ends with this.
    pinned: Option<PathBuf>,
    probes: Probes,
}

/// What the thread of the follower shares with the owner.
struct Shared(Mutex<State>);

struct State {
    meter: Meter,
    interfaces: Interfaces,
    /// `None` while an audit is under way.
    auditor: Option<Auditor>,
    /// What the next audit has to begin with.
    audit_changes: Vec<AuditChange>,
    /// What the auditor found last.
    audits: HashMap<EndpointId, Audited>,
    baselines: Baselines,
    /// Links whose hooks a comparison takes off and puts back at the moment.
    compared: HashSet<LinkName>,
}

/// An endpoint that the auditor has to learn of.
enum AuditChange {
    Add(AuditTarget),
    Remove(EndpointId),
}

impl AuditChange {
    fn id(&self) -> EndpointId {
        match self {
            Self::Add(target) => target.id,
            Self::Remove(id) => *id,
        }
    }
}

/// How long the parts of a change took.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeTimes {
    /// Reading the host, and planning.
    pub plan: Duration,
    /// Working through the plan, without the part below.
    pub apply: Duration,
    /// Inventory, attaching, interfaces and audit.
    pub watch: Duration,
}

/// Endpoints of one namespace.
struct Group {
    netns: Arc<NetNs>,
    namespace: NsName,
    endpoints: Vec<Followed>,
}

impl Shared {
    /// A panic while the lock was held leaves counters that are as good as before.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Shared {
    fn with_interfaces(&self, work: &mut dyn FnMut(&mut Interfaces)) {
        work(&mut self.lock().interfaces);
    }
}

/// Attaches to the endpoints of a topology that is being built, and measures how long that takes.
struct Attaching<'w> {
    watch: &'w Watch,
    took: Duration,
}

impl AttachObserver for Attaching<'_> {
    fn attach(&mut self, endpoints: &[Endpoint]) -> Result<(), BoxError> {
        let began = Instant::now();
        let attached = self.watch.shared.lock().meter.attach(endpoints);
        self.took += began.elapsed();
        Ok(attached?)
    }
}

impl Watch {
    /// Watches what the meter is attached to, which is a lab.
    ///
    /// # Errors
    ///
    /// When interfaces cannot be followed.
    pub fn start(lab: &Lab, meter: Meter) -> Result<Self, WatchError> {
        let features = meter.features();
        let pinned = meter.datapath().pinned().map(|(folder, _)| folder.path().to_owned());
        let shared = Arc::new(Shared(Mutex::new(State {
            interfaces: Interfaces::new(features.mode),
            meter,
            auditor: Some(Auditor::default()),
            audit_changes: Vec::new(),
            audits: HashMap::new(),
            baselines: Baselines::default(),
            compared: HashSet::new(),
        })));
        let observer: Weak<dyn Observer> = Arc::downgrade(&shared) as Weak<dyn Observer>;
        let follower = Follower::start(observer).map_err(WatchError::Interfaces)?;
        let watch = Self { shared, follower, features, pinned, probes: Probes::default() };
        watch.shared.lock().meter.inventory.set_lab(watch.info(lab));
        watch.follow_changes()?;
        watch.declare_impairments(lab);
        Ok(watch)
    }

    /// What this kernel can do, and how programs are attached.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// The lab's probes, which start and stop with its services.
    #[must_use]
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Where everything is pinned; `None` if it ends with this.
    #[must_use]
    pub fn pinned(&self) -> Option<PathBuf> {
        self.pinned.clone()
    }

    fn info(&self, lab: &Lab) -> LabInfo {
        LabInfo {
            name: lab.name.clone(),
            file: lab.source.to_string(),
            persists: self.pinned.is_some(),
            namespaces: NamespaceContents::of_lab(lab),
        }
    }

    /// Counts errors of netmon itself, best effort.
    fn count_errors(&self, kind: ErrorKind, times: usize) {
        let _ = self.shared.lock().meter.datapath.count_errors(kind, times as u64);
    }

    /// Has interfaces and audit learn which endpoints the meter began or ceased to watch. Holds no lock while it waits for
    /// the kernel, or for an audit of a namespace that goes.
    fn follow_changes(&self) -> Result<(), WatchError> {
        let (groups, emptied) = self.shared.lock().take_endpoint_changes();
        for netns in emptied {
            self.follower.release(netns);
        }
        groups.into_iter().try_for_each(|one| self.follow(one)).map_err(WatchError::Interfaces)
    }

    fn follow(&self, groups: Group) -> io::Result<()> {
        let Group { netns, namespace, endpoints } = groups;
        let subscription = self.follower.subscribe(&netns, &namespace)?;
        let indexes: Vec<IfIndex> = endpoints.iter().map(|one| one.ifindex).collect();
        let listed = subscription.read(&indexes).unwrap_or_else(|error| {
            warn!("{}", chain(&error));
            Vec::new()
        });
        let mut state = self.shared.lock();
        for endpoint in endpoints {
            state.audit_changes.push(AuditChange::Add(AuditTarget {
                id: endpoint.id,
                ifindex: endpoint.ifindex,
                netns: endpoint.netns,
                namespace: endpoint.namespace.clone(),
                subscription: Arc::clone(&subscription),
            }));
            state.interfaces.add(endpoint, &listed);
        }
        Ok(())
    }

    /// Takes how these interfaces are, and those that had drifted, for how they should be: a change has configured them.
    fn expect_as_they_are(&self, configured: &HashSet<Place>) {
        for Group { netns, namespace, endpoints } in self.shared.lock().configured(configured) {
            let indexes: Vec<IfIndex> = endpoints.iter().map(|one| one.ifindex).collect();
            let subscription = match self.follower.subscribe(&netns, &namespace) {
                Ok(subscription) => subscription,
                Err(error) => {
                    warn!("{}", WatchError::Interfaces(error));
                    continue;
                }
            };
            match subscription.read(&indexes) {
                Ok(listed) => {
                    let mut state = self.shared.lock();
                    endpoints.iter().for_each(|one| state.interfaces.reset(one.id, &listed));
                }
                Err(error) => warn!("{}", chain(&error)),
            }
        }
    }

    /// Takes note of what a lab does to its packets on purpose.
    pub(crate) fn declare_impairments(&self, lab: &Lab) {
        let mut state = self.shared.lock();
        let State { meter, baselines, .. } = &mut *state;
        let mut declared = Vec::new();
        for link in &lab.links {
            let Some(ends) = meter.inventory.joined(&link.name) else { continue };
            for side in [Side::A, Side::B] {
                let Some(endpoint) = ends[side].and_then(|at| meter.inventory.at(at)) else { continue };
                let impairment = link.end(side).impairment;
                meter.datapath.expect_held(endpoint.id, impairment.longest(mtu(link)));
                if !baselines.has(endpoint.id, impairment) {
                    declared.push((endpoint.id, impairment));
                }
            }
        }
        if declared.is_empty() {
            return;
        }
        // Without counts, what is measured is reported from the agent's beginning on.
        let now = meter.counts().map(|counts| counts.endpoints).unwrap_or_default();
        for (id, impairment) in declared {
            baselines.declare(id, impairment, now.get(&id));
        }
    }

    /// Changes a lab from `old` to `new`, and watches that. Links that the plan keeps keep their counters. If it fails, the
    /// lab is as it was.
    pub(crate) fn change(&self, old: &Lab, new: &Lab, claim: &Claim) -> Result<ChangeTimes, ChangeError> {
        let mut times = ChangeTimes::default();
        let began = Instant::now();
        let prepared = topology::prepare(new, claim, &Silent)?;
        times.plan = began.elapsed();
        let began = Instant::now();
        // What holds the namespaces of links that go has to end before these.
        self.shared.lock().drop_links(|link| !prepared.plan().kept.contains(link));
        self.follow_changes()?;
        times.watch = began.elapsed();
        let configured: HashSet<Place> =
            prepared.plan().steps().filter_map(Step::configures).cloned().collect();
        let began = Instant::now();
        let mut attaching = Attaching { watch: self, took: Duration::ZERO };
        let (changed, lab) = match prepared.apply(&mut attaching, &Silent) {
            Ok(()) => (Ok(()), new),
            Err(error) => {
                if let Err(error) = topology::up(old, claim, &mut attaching, &Silent) {
                    warn!("the lab could not be restored: {}", chain(&error));
                }
                (Err(error), old)
            }
        };
        times.apply = began.elapsed().saturating_sub(attaching.took);
        let began = Instant::now();
        self.shared.lock().meter.inventory.set_lab(self.info(lab));
        self.follow_changes()?;
        self.expect_as_they_are(&configured);
        self.declare_impairments(lab);
        times.watch += attaching.took + began.elapsed();
        changed?;
        Ok(times)
    }

    /// Reports hooks at which another program runs ahead of netmon's.
    pub(crate) fn check_chain_position(&self) {
        let found = self.shared.lock().meter.check_chain_position();
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
                self.count_errors(ErrorKind::ChainPosition, 1);
                warn!("{}", chain(&error));
            }
        }
    }

    /// Reserves the hooks of a link for one comparison at a time. Returns whether they were free.
    pub(crate) fn begin_comparison(&self, link: &LinkName) -> bool {
        self.shared.lock().compared.insert(link.clone())
    }

    /// Ends the comparison.
    pub(crate) fn end_comparison(&self, link: &LinkName) {
        self.shared.lock().compared.remove(link);
    }

    /// Takes the programs off a link's hooks, or puts them back.
    pub(crate) fn set_hooks(&self, link: &LinkName, on: bool) -> Result<(), WatchError> {
        self.shared.lock().meter.set_hooks(link, on)
    }

    /// Detaches and releases every namespace, each of which would otherwise stay alive. Programs that are pinned stay.
    pub(crate) fn release(&self) -> Vec<WatchError> {
        self.follower.release_all();
        self.shared.lock().meter.release()
    }
}

impl State {
    /// Which interfaces are to be followed from now on, and which namespaces no longer.
    fn take_endpoint_changes(&mut self) -> (Vec<Group>, HashSet<NetnsId>) {
        let (mut added, mut emptied) = (Vec::new(), HashSet::new());
        for change in self.meter.take_changes() {
            match change {
                EndpointChange::Removed(id) => {
                    emptied.extend(self.interfaces.remove(id));
                    self.audit_changes.push(AuditChange::Remove(id));
                    self.audits.remove(&id);
                    self.baselines.remove(id);
                }
                EndpointChange::Added(id) => added.push(id),
            }
        }
        let groups = self.by_namespace(added);
        for group in &groups {
            // It may have gone and come within the same change.
            emptied.remove(&group.netns.identity());
        }
        (groups, emptied)
    }

    /// The endpoints that a change has configured, and those that had drifted.
    fn configured(&self, configured: &HashSet<Place>) -> Vec<Group> {
        let names: HashSet<(&str, &str)> =
            configured.iter().map(|place| (place.namespace.as_str(), place.interface.as_str())).collect();
        let is_configured = |endpoint: &&inventory::Endpoint| {
            let inventory::Label { namespace, interface, .. } = &endpoint.label;
            names.contains(&(namespace.as_str(), interface.as_str()))
        };
        let endpoints = self.meter.inventory.endpoints().filter(is_configured).map(|endpoint| endpoint.id);
        let all: HashSet<EndpointId> = endpoints.chain(self.interfaces.drifted()).collect();
        self.by_namespace(all)
    }

    /// Groups endpoints by the namespace that they are in.
    fn by_namespace(&self, ids: impl IntoIterator<Item = EndpointId>) -> Vec<Group> {
        let mut groups: HashMap<NetnsId, Group> = HashMap::new();
        for id in ids {
            let Some(endpoint) = self.meter.inventory.endpoint(id) else { continue };
            let Some(netns) = self.meter.datapath.netns(id) else { continue };
            let group = groups.entry(netns.identity()).or_insert_with(|| Group {
                netns: Arc::clone(netns),
                namespace: endpoint.label.namespace.clone(),
                endpoints: Vec::new(),
            });
            group.endpoints.push(Followed {
                id,
                netns: netns.identity(),
                namespace: endpoint.label.namespace.clone(),
                ifindex: endpoint.at.ifindex,
                interface: endpoint.label.interface.clone(),
            });
        }
        groups.into_values().collect()
    }

    /// Ceases to watch the links that `goes` chooses, and those with an end that took along the programs on its hooks:
    /// these are attached to anew if they are still there.
    fn drop_links(&mut self, goes: impl Fn(&LinkName) -> bool) {
        let bare: HashSet<EndpointId> = self.interfaces.without_hooks().collect();
        let inventory = &self.meter.inventory;
        let going: Vec<InterfaceId> = inventory
            .links()
            .filter(|link| goes(link.name) || link.ends().any(|end| bare.contains(&end.id)))
            .flat_map(|link| link.ends().map(|end| end.at).collect::<Vec<_>>())
            .collect();
        for error in self.meter.drop_endpoints(&going) {
            debug!("{}", chain(&error));
        }
    }
}

fn mtu(link: &Link) -> u32 {
    link.mtu.unwrap_or(USUAL_MTU)
}

/// A lab could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The topology could not be planned or made.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// What was made could not be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
}
