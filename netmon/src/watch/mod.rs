//! Watching: one owner of the inventory, the datapath, the state of interfaces, the audit and the baselines of
//! impairments.
//!
//! One lock protects all of it. Work that blocks does not hold that lock: reading a namespace's interfaces, an audit,
//! building a lab. The order of locks is: a namespace's sockets ([`interfaces::Subscription`]) first, this lock second,
//! never the other way round.
//!
//! Endpoints are added and removed one by one, and each costs the work for one. The agent decides what is watched and for
//! how long; the server reads the snapshots.

mod assemble;
pub mod audit;
mod baselines;
mod change;
mod error;
mod found;
mod given;
mod interfaces;
pub mod inventory;
mod meter;
mod source;
mod state;
pub mod upkeep;

use std::{
    collections::{HashMap, HashSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::SystemTime,
};

use log::warn;
use netmon_model::{
    error::chain,
    impairment::USUAL_MTU,
    lab::{Lab, Link},
    names::{Direction, IfIndex, LinkName, Side},
    snapshot::{ErrorKind, Features, LabInfo, NamespaceContents},
};

use self::{
    audit::{AuditTarget, Auditor},
    baselines::Baselines,
    interfaces::{Follower, Interfaces, Observer},
    inventory::Label,
    state::{AuditChange, Group, State},
};
pub use self::{
    change::{ChangeError, ChangeTimes},
    error::WatchError,
    found::{FoundEnd, FoundLink, FoundUpdate},
    meter::Meter,
};
use crate::{datapath::Overtaken, live::Traces, probe::Probes};

/// Everything that is watched.
pub struct Watch {
    shared: Arc<Shared>,
    follower: Follower,
    features: Features,
    /// Where everything is pinned; `None` if counting ends with this value.
    pinned: Option<PathBuf>,
    probes: Probes,
    traces: Traces,
}

/// The state that the follower's thread shares with the owner.
struct Shared(Mutex<State>);

impl Shared {
    /// A panic while the lock was held leaves the counters valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Shared {
    fn with_interfaces(&self, work: &mut dyn FnMut(&mut Interfaces)) {
        work(&mut self.lock().interfaces);
    }
}

impl Watch {
    /// Watches the endpoints that the meter is attached to, which are those of a lab.
    ///
    /// # Errors
    ///
    /// Fails if interfaces cannot be followed.
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
            found: HashMap::new(),
            host: None,
        })));
        let observer: Weak<dyn Observer> = Arc::downgrade(&shared) as Weak<dyn Observer>;
        let follower = Follower::start(observer).map_err(WatchError::Interfaces)?;
        let watch =
            Self { shared, follower, features, pinned, probes: Probes::default(), traces: Traces::default() };
        watch.shared.lock().meter.inventory.set_lab(watch.info(lab));
        watch.follow_changes()?;
        watch.declare_impairments(lab);
        Ok(watch)
    }

    /// Returns the features of this kernel, and how programs are attached.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// Returns the lab's probes, which start and stop with its services.
    #[must_use]
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Returns the traces that were handed to the agent.
    #[must_use]
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// Returns where everything is pinned; `None` if counting ends with this value.
    #[must_use]
    pub fn pinned(&self) -> Option<PathBuf> {
        self.pinned.clone()
    }

    /// Has readings say that the links of the host are watched beside the lab's.
    pub(crate) fn also_discovers(&self) {
        let info = self.info(&Lab::of_host());
        self.shared.lock().meter.inventory.set_lab(info);
    }

    fn info(&self, lab: &Lab) -> LabInfo {
        LabInfo {
            name: lab.name.clone(),
            file: lab.source.to_string(),
            applied_at: SystemTime::now(),
            persists: self.pinned.is_some(),
            namespaces: NamespaceContents::of_lab(lab),
        }
    }

    /// Counts errors of netmon itself, best effort.
    fn count_errors(&self, kind: ErrorKind, times: usize) {
        let _ = self.shared.lock().meter.datapath.count_errors(kind, times as u64);
    }

    /// Passes the endpoints that the meter added and removed to the interfaces and the audit. Holds no lock while it waits for
    /// the kernel, or for an audit of a removed namespace.
    fn follow_changes(&self) -> Result<(), WatchError> {
        let (groups, emptied) = self.shared.lock().take_endpoint_changes();
        for netns in emptied {
            self.follower.release(netns);
        }
        groups.into_iter().try_for_each(|group| self.follow(group)).map_err(WatchError::Interfaces)
    }

    fn follow(&self, group: Group) -> io::Result<()> {
        let Group { netns, namespace, endpoints } = group;
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

    /// Records the declared impairments of a lab.
    pub(crate) fn declare_impairments(&self, lab: &Lab) {
        let mut state = self.shared.lock();
        let State { meter, baselines, .. } = &mut *state;
        let mut declared = Vec::new();
        // Most labs have no impairment, before and after a change.
        let is_concerned = |link: &&Link| {
            let declared = [Side::A, Side::B].into_iter().any(|side| !link.end(side).impairment.is_none());
            declared || !baselines.is_empty()
        };
        for link in lab.links.iter().filter(is_concerned) {
            let Some((_, ends)) = meter.inventory.joined(&link.name) else { continue };
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
        // Without counts, measurements are reported since the agent started.
        let now = meter.counts().map(|counts| counts.endpoints).unwrap_or_default();
        for (id, impairment) in declared {
            baselines.declare(id, impairment, now.get(&id).map(Box::as_ref));
        }
    }

    /// Logs hooks on which another program runs before netmon's.
    pub(crate) fn check_chain_position(&self) {
        match self.overtaken() {
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

    /// Returns the hooks at which another program runs before netmon's. Asks the kernel without holding the lock, and holds
    /// a namespace's sockets meanwhile: [`Follower::release`] waits for that, so the check keeps no removed namespace alive.
    fn overtaken(&self) -> Result<Vec<(Label, Direction)>, WatchError> {
        let positions = self.shared.lock().meter.datapath.positions();
        let mut found = Vec::new();
        for some in positions {
            let Some(subscription) = self.follower.subscription(some.netns) else { continue };
            match subscription.with_netlink(|_| some.overtaken()) {
                Some(Ok(overtaken)) => found.extend(overtaken),
                Some(Err(error)) => {
                    return Err(WatchError::named(error, &self.shared.lock().meter.inventory));
                }
                None => {}
            }
        }
        let mut state = self.shared.lock();
        let Meter { datapath, inventory, .. } = &mut state.meter;
        let confirmed = datapath.confirm(found).map_err(|error| WatchError::named(error, inventory))?;
        let named = |one: Overtaken| Some((inventory.endpoint(one.id)?.label.clone(), one.direction));
        Ok(confirmed.into_iter().filter_map(named).collect())
    }

    /// Reserves the hooks of a link, for one comparison at a time. Returns whether they were free.
    pub(crate) fn begin_comparison(&self, link: &LinkName) -> bool {
        self.shared.lock().compared.insert(link.clone())
    }

    /// Releases the reservation.
    pub(crate) fn end_comparison(&self, link: &LinkName) {
        self.shared.lock().compared.remove(link);
    }

    /// Detaches the programs from a link's hooks, or attaches them again.
    pub(crate) fn set_hooks(&self, link: &LinkName, on: bool) -> Result<(), WatchError> {
        self.shared.lock().meter.set_hooks(link, on)
    }

    /// Detaches from all endpoints and releases every namespace, which would otherwise stay alive. Pinned programs stay.
    pub(crate) fn release(&self) -> Vec<WatchError> {
        self.follower.release_all();
        self.shared.lock().meter.release()
    }
}

fn mtu(link: &Link) -> u32 {
    link.mtu.unwrap_or(USUAL_MTU)
}
