//! What is watched, as the server sees it: a source of snapshots.

use std::{
    collections::HashSet,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use log::warn;

use super::link_states::LinkStates;
use crate::{
    causes::in_full,
    datapath::{Datapath, DatapathError, Reading},
    lab::Lab,
    names::LinkName,
    server::{Readiness, SnapshotSource, SourceError},
    snapshot::{Features, Flow, LabInfo, Snapshot},
    topology::{Endpoint, handover::HookOrder},
};

/// The datapath of a lab, shared by the server and the upkeep.
pub(super) struct Watcher {
    lab: LabInfo,
    features: Features,
    datapath: Mutex<Datapath>,
    link_states: LinkStates,
    hooks_expected: usize,
    read_errors: AtomicU64,
    order_errors: AtomicU64,
    /// Links whose hooks somebody takes off and puts on at the moment.
    lent: Mutex<HashSet<LinkName>>,
}

impl Watcher {
    /// Watches `endpoints`, which the datapath is attached to.
    pub(super) fn new(lab: &Lab, datapath: Datapath, endpoints: &[Endpoint]) -> io::Result<Self> {
        Ok(Self {
            lab: LabInfo { name: lab.name.clone(), file: lab.source.clone() },
            features: datapath.features(),
            datapath: Mutex::new(datapath),
            link_states: LinkStates::follow(endpoints)?,
            hooks_expected: 2 * endpoints.len(),
            read_errors: AtomicU64::new(0),
            order_errors: AtomicU64::new(0),
            lent: Mutex::default(),
        })
    }

    pub(super) fn features(&self) -> Features {
        self.features
    }

    /// A panic while the lock was held leaves counters that are as good as before.
    fn datapath(&self) -> MutexGuard<'_, Datapath> {
        self.datapath.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where somebody's program runs before ours.
    pub(super) fn check_order(&self) {
        let found = self.datapath().check_order();
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
                self.order_errors.fetch_add(1, Ordering::Relaxed);
                warn!("{}", in_full(&error));
            }
        }
    }

    /// Takes the programs off a link's hooks, or puts them on.
    pub(super) fn set_hooks(&self, link: &LinkName, order: HookOrder) -> Result<(), DatapathError> {
        let mut datapath = self.datapath();
        match order {
            HookOrder::Off => datapath.hooks_off(link),
            HookOrder::On => datapath.hooks_on(link),
        }
    }

    /// Lends a link's hooks to one asker at a time.
    pub(super) fn lend(&self, link: &LinkName) -> bool {
        self.lent().insert(link.clone())
    }

    /// Takes them back.
    pub(super) fn take_back(&self, link: &LinkName) {
        self.lent().remove(link);
    }

    fn lent(&self) -> MutexGuard<'_, HashSet<LinkName>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the programs off and lets the namespaces go, which would live on as long as they are held.
    pub(super) fn let_go(&self) -> Vec<DatapathError> {
        self.link_states.let_go();
        self.datapath().detach_all()
    }

    fn read(&self) -> Result<Reading, DatapathError> {
        let reading = self.datapath().read();
        if reading.is_err() {
            self.read_errors.fetch_add(1, Ordering::Relaxed);
        }
        reading
    }
}

impl SnapshotSource for Watcher {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let mut reading = self.read()?;
        for end in reading.links.iter_mut().flat_map(|link| [&mut link.a, &mut link.b]) {
            let (exists, up) = self.link_states.of(&end.namespace, end.ifindex);
            end.up = up;
            if !exists {
                // The hooks went with the interface.
                end.ingress.attached = None;
                end.egress.attached = None;
            }
        }
        Ok(Snapshot {
            taken_at: SystemTime::now(),
            monotonic_ns: reading.monotonic_ns,
            lab: self.lab.clone(),
            features: reading.features,
            links: reading.links,
            parse_exits: reading.parse_exits,
            flows: reading.flows,
            errors: vec![
                ("read", self.read_errors.load(Ordering::Relaxed)),
                ("order", self.order_errors.load(Ordering::Relaxed)),
                ("overtaken", reading.overtaken),
            ],
            cost: reading.cost,
        })
    }

    fn flows(&self) -> Vec<Flow> {
        self.datapath().flows()
    }

    fn ready(&self) -> Readiness {
        let gone = 2 * self.link_states.gone();
        let attached = self.datapath().hooks_attached().saturating_sub(gone);
        Readiness::of_hooks(attached, self.hooks_expected)
    }
}
