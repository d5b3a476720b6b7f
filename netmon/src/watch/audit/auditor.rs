//! The auditor: reads the kernel, netmon's maps and the kernel again, in all namespaces.

use std::{collections::HashMap, io, sync::Arc, time::SystemTime};

use netmon_kernel::{
    netlink::{Netlink, NetlinkError, offload::Offloads},
    netns::NetnsId,
};
use netmon_model::{
    by::Hooks,
    names::{EndpointId, IfIndex, NsName},
    snapshot::Audit,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    ledger::{EgressLedger, IngressLedger},
    witness::{self, Witness},
};
use crate::{
    datapath::{DatapathError, HookTotals},
    watch::interfaces::Subscription,
};

/// Maximum number of readings of a namespace when packets pass between the two readings of the kernel.
const ATTEMPTS: usize = 4;

/// A namespace could not be audited.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The kernel's figures could not be read.
    #[error("cannot audit the interfaces of {namespace}")]
    Kernel {
        /// The namespace.
        namespace: NsName,
        /// The kernel's answer.
        source: NetlinkError,
    },
    /// The ledgers could not be written.
    #[error("cannot store the audit ledgers of an endpoint")]
    Store(#[source] io::Error),
    /// netmon's own counts could not be read.
    #[error(transparent)]
    Hooks(#[from] DatapathError),
}

/// An endpoint to audit.
#[derive(Clone)]
pub(crate) struct AuditTarget {
    /// The endpoint.
    pub(crate) id: EndpointId,
    /// Its interface.
    pub(crate) ifindex: IfIndex,
    /// Its namespace.
    pub(crate) netns: NetnsId,
    /// The name of the namespace.
    pub(crate) namespace: NsName,
    /// The sockets in the namespace.
    pub(crate) subscription: Arc<Subscription>,
}

/// The source of what the auditor does not read itself.
pub(crate) trait AuditSource {
    /// Returns what netmon's programs counted at these endpoints, in their order.
    fn hook_totals(&self, endpoints: &[EndpointId]) -> Result<Vec<HookTotals>, DatapathError>;

    /// Returns how many changes of an endpoint's interface were announced so far.
    fn changes(&self, endpoint: EndpointId) -> u64;

    /// Loads the ledgers of an endpoint that an earlier auditor stored, as it wrote them; `None` if there are none.
    fn load(&self, endpoint: EndpointId) -> Option<Vec<u8>>;

    /// Stores the ledgers of an endpoint for a later auditor.
    fn store(&self, endpoint: EndpointId, ledgers: &[u8]) -> Result<(), DatapathError>;
}

/// The last valid audit of each hook of an endpoint; `None` before the first.
pub type Audited = Hooks<Option<Arc<Audit>>>;

/// Audits any number of endpoints, which are added and removed one by one.
#[derive(Default)]
pub(crate) struct Auditor {
    namespaces: HashMap<NetnsId, Namespace>,
}

struct Namespace {
    name: NsName,
    subscription: Arc<Subscription>,
    accounts: Vec<Account>,
}

struct Account {
    id: EndpointId,
    ifindex: IfIndex,
    exists: bool,
    /// `None` before it is known whether an earlier auditor stored them.
    ledgers: Option<Ledgers>,
    /// The offloads, and how many changes had been announced when they were read.
    offloads: Option<(Offloads, u64)>,
}

/// The ledgers of both hooks, as they are stored for a later auditor.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Ledgers {
    pub(super) ingress: Dated<IngressLedger>,
    pub(super) egress: Dated<EgressLedger>,
}

impl Ledgers {
    /// Restores stored ledgers, or starts new ones.
    fn open(stored: Option<&[u8]>) -> Self {
        stored.and_then(Self::restored).unwrap_or_default()
    }

    /// Restores stored ledgers. Returns `None` if they are damaged.
    pub(super) fn restored(stored: &[u8]) -> Option<Self> {
        let mut ledgers = serde_json::from_slice::<Self>(stored).ok()?;
        if !ledgers.ingress.ledger.is_valid() || !ledgers.egress.ledger.is_valid() {
            return None;
        }
        // Another process counted the changes of the interface: it is not known whether there was one since.
        for latest in ledgers.ingress.latest.iter_mut().chain(&mut ledgers.egress.latest) {
            latest.changes = u64::MAX;
        }
        Some(ledgers)
    }
}

/// A ledger, and its latest entry.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Dated<L> {
    pub(super) ledger: L,
    latest: Option<Latest>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Latest {
    /// When its reading began.
    at: SystemTime,
    /// How many changes of the interface had been announced.
    changes: u64,
    hooks: HookTotals,
}

impl<L> Dated<L> {
    /// Returns whether the interface has not changed since the latest entry. Before the first entry, this is assumed.
    fn is_unchanged(&self, changes: u64) -> bool {
        self.latest.is_none_or(|latest| latest.changes == changes)
    }

    /// Returns whether the hook was unwatched at some time since the latest entry.
    fn has_gap(&self, now: HookTotals) -> bool {
        self.latest.is_some_and(|Latest { hooks: then, .. }| {
            then.pauses != now.pauses || !then.watched || !now.watched
        })
    }
}

impl Auditor {
    /// Starts auditing an endpoint. Its first entry holds what the kernel had counted before its hooks were watched.
    pub(crate) fn add(&mut self, target: AuditTarget) {
        let AuditTarget { id, ifindex, netns, namespace, subscription } = target;
        let there = self.namespaces.entry(netns).or_insert_with(|| Namespace {
            name: namespace,
            subscription: Arc::clone(&subscription),
            accounts: Vec::new(),
        });
        // The namespace may have been released and subscribed to again.
        there.subscription = subscription;
        there.accounts.push(Account::new(id, ifindex));
    }

    /// Stops auditing an endpoint.
    pub(crate) fn remove(&mut self, id: EndpointId) {
        for namespace in self.namespaces.values_mut() {
            namespace.accounts.retain(|account| account.id != id);
        }
        self.namespaces.retain(|_, namespace| !namespace.accounts.is_empty());
    }

    /// Reads everything, and enters the readings that the kernel confirmed. Continues after an error, and returns the current
    /// audits in any case. It blocks on sockets only: it enters no namespace.
    pub(crate) fn run(
        &mut self,
        source: &dyn AuditSource,
    ) -> (HashMap<EndpointId, Audited>, Vec<AuditError>) {
        let errors = self.namespaces.values_mut().filter_map(|one| one.run(source).err()).collect();
        let accounts = self.namespaces.values().flat_map(|one| &one.accounts);
        (accounts.map(|account| (account.id, account.audited())).collect(), errors)
    }
}

impl Namespace {
    fn run(&mut self, source: &dyn AuditSource) -> Result<(), AuditError> {
        let Self { name, subscription, accounts } = self;
        // A released namespace has nothing left to audit.
        subscription.with_netlink(|netlink| audit(name, accounts, netlink, source)).unwrap_or(Ok(()))?;
        accounts.iter().try_for_each(|account| account.store(source))
    }
}

fn audit(
    namespace: &NsName,
    accounts: &mut [Account],
    netlink: &mut Netlink,
    source: &dyn AuditSource,
) -> Result<(), AuditError> {
    let ids: Vec<EndpointId> = accounts.iter().map(|account| account.id).collect();
    let failed = |source| AuditError::Kernel { namespace: namespace.clone(), source };
    let mut began = SystemTime::now();
    let mut before = witness::read(netlink).map_err(failed)?;
    let mut open: Vec<&mut Account> = accounts.iter_mut().collect();
    for _ in 0..ATTEMPTS {
        let hooks = source.hook_totals(&ids)?;
        let between = SystemTime::now();
        let after = witness::read(netlink).map_err(failed)?;
        let by_id: HashMap<EndpointId, HookTotals> = ids.iter().copied().zip(hooks).collect();
        for account in &mut open {
            account.open(source);
        }
        open.retain_mut(|account| {
            let reading = Reading {
                began,
                before: before.get(&account.ifindex),
                after: after.get(&account.ifindex),
                hooks: by_id.get(&account.id).copied().unwrap_or_default(),
                changes: source.changes(account.id),
            };
            !account.enter(&reading, netlink)
        });
        if open.is_empty() {
            break;
        }
        (began, before) = (between, after);
    }
    Ok(())
}

/// One reading of netmon's maps between two of the kernel.
struct Reading<'a> {
    began: SystemTime,
    before: Option<&'a Witness>,
    after: Option<&'a Witness>,
    hooks: HookTotals,
    changes: u64,
}

impl Account {
    fn new(id: EndpointId, ifindex: IfIndex) -> Self {
        Self { id, ifindex, exists: true, ledgers: None, offloads: None }
    }

    /// Loads the ledgers on first use.
    fn open(&mut self, source: &dyn AuditSource) {
        if self.ledgers.is_none() {
            self.ledgers = Some(Ledgers::open(source.load(self.id).as_deref()));
        }
    }

    fn store(&self, source: &dyn AuditSource) -> Result<(), AuditError> {
        let Some(ledgers) = self.ledgers.as_ref().filter(|_| self.exists) else { return Ok(()) };
        let text = serde_json::to_vec(ledgers).map_err(|error| AuditError::Store(error.into()))?;
        Ok(source.store(self.id, &text)?)
    }

    /// Enters the reading of each hook for which both kernel readings are equal. Returns whether both hooks were entered: if
    /// packets passed in between, the next reading may succeed.
    fn enter(&mut self, reading: &Reading<'_>, netlink: &Netlink) -> bool {
        self.exists = reading.after.is_some();
        let (Some(before), Some(after)) = (reading.before, reading.after) else { return true };
        let offloads = self.offloads(netlink, &after.name, reading.changes);
        let Ledgers { ingress, egress } = self.ledgers.get_or_insert_default();
        let (received, sent) = (before.received == after.received, before.sent == after.sent);
        let entry = Some(Latest { at: reading.began, changes: reading.changes, hooks: reading.hooks });
        if received {
            let merges = offloads.filter(|_| ingress.is_unchanged(reading.changes)).map(|of| of.merges);
            let gap = ingress.has_gap(reading.hooks);
            let HookTotals { passed, drops, .. } = reading.hooks;
            ingress.ledger.enter(passed.ingress, drops.ingress, after.received, merges, gap);
            ingress.latest = entry;
        }
        if sent {
            let whole = offloads.filter(|_| egress.is_unchanged(reading.changes)).map(|of| of.whole);
            let HookTotals { passed, drops, .. } = reading.hooks;
            let gap = egress.has_gap(reading.hooks);
            egress.ledger.enter(passed.egress, drops.egress, &after.sent, whole, gap);
            egress.latest = entry;
        }
        received && sent
    }

    /// Returns the current offloads. They are read again only after the kernel has announced a change.
    fn offloads(&mut self, netlink: &Netlink, name: &str, changes: u64) -> Option<Offloads> {
        if self.offloads.is_none_or(|(_, then)| then != changes) {
            // If the interface was just deleted, the next reading notices it.
            self.offloads = netlink.offloads(name).ok().map(|now| (now, changes));
        }
        self.offloads.map(|(offloads, _)| offloads)
    }

    fn audited(&self) -> Audited {
        if !self.exists {
            return Audited::default();
        }
        let Some(Ledgers { ingress, egress }) = &self.ledgers else { return Audited::default() };
        Audited {
            ingress: ingress.latest.and_then(|latest| ingress.ledger.audit(latest.at)).map(Arc::new),
            egress: egress.latest.and_then(|latest| egress.ledger.audit(latest.at)).map(Arc::new),
        }
    }
}
