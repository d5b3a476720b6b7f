//! The round through all namespaces: the kernel, our maps, the kernel again.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use netmon_kernel::netlink::{Netlink, NetlinkError, offload::Offloads};
use netmon_model::{
    names::{EndpointId, IfIndex, NsName},
    snapshot::Audit,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    ledger::{EgressLedger, IngressLedger, Passed},
    witness::{self, Witness},
};
use crate::datapath::DatapathError;

/// How often a namespace is read again at once because something passed in between.
const ATTEMPTS: usize = 4;

/// A namespace could not be audited.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The kernel's figures could not be read.
    #[error("cannot audit the interfaces of {namespace}")]
    Kernel {
        /// The namespace.
        namespace: NsName,
        /// What was refused.
        source: NetlinkError,
    },
    /// The accounts could not be kept.
    #[error("cannot keep the accounts of an endpoint")]
    Keep(#[source] io::Error),
    /// Our own could not.
    #[error(transparent)]
    Hooks(#[from] DatapathError),
}

/// What our programs counted at an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// What passed the ingress hook.
    pub ingress: Passed,
    /// What passed the egress hook.
    pub egress: Passed,
    /// Packets that a program behind the egress hook dropped.
    pub egress_drops: u64,
    /// How often the programs were taken off.
    pub pauses: u64,
    /// Whether they are on.
    pub watched: bool,
}

/// A namespace with endpoints to audit.
#[derive(Debug)]
pub struct Witnessed {
    /// The namespace.
    pub namespace: NsName,
    /// A socket that was opened in it.
    pub netlink: Arc<Mutex<Netlink>>,
    /// The endpoints that are in it.
    pub endpoints: Vec<(EndpointId, IfIndex)>,
}

/// Where the auditor learns what it does not read itself.
pub trait Books {
    /// What our programs counted at these endpoints, in their order.
    ///
    /// # Errors
    ///
    /// When a map cannot be read.
    fn hooks(&self, endpoints: &[EndpointId]) -> Result<Vec<Hooks>, DatapathError>;

    /// How many changes of an interface were announced so far.
    fn changes(&self, namespace: &NsName, ifindex: IfIndex) -> u64;

    /// The accounts of an endpoint that an auditor before kept, as it wrote them; none when there are none.
    fn kept(&self, endpoint: EndpointId) -> Option<Vec<u8>>;

    /// Keeps the accounts of an endpoint for an auditor after this one.
    ///
    /// # Errors
    ///
    /// When they cannot be written down.
    fn keep(&self, endpoint: EndpointId, accounts: &[u8]) -> Result<(), DatapathError>;
}

/// The accounts of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Audited {
    /// Of the ingress hook; none until the kernel said the same twice.
    pub ingress: Option<Audit>,
    /// Of the egress hook, likewise.
    pub egress: Option<Audit>,
}

/// Keeps the accounts of all endpoints.
pub struct Auditor {
    namespaces: Vec<Namespace>,
}

struct Namespace {
    name: NsName,
    netlink: Arc<Mutex<Netlink>>,
    accounts: Vec<Account>,
}

struct Account {
    id: EndpointId,
    ifindex: IfIndex,
    there: bool,
    /// None before it is known whether an auditor before kept them.
    books: Option<BothBooks>,
    /// Read after so many announced changes.
    offloads: Option<(Offloads, u64)>,
}

/// The accounts of both hooks: what is kept for an auditor after this one.
#[derive(Default, Serialize, Deserialize)]
struct BothBooks {
    ingress: Book<IngressLedger>,
    egress: Book<EgressLedger>,
}

impl BothBooks {
    /// What was kept, or new ones.
    fn open(kept: Option<&[u8]>) -> Self {
        let Some(mut books) = kept.and_then(|text| serde_json::from_slice::<Self>(text).ok()) else {
            return Self::default();
        };
        // Changes of the interface were counted by somebody else: whether there was one since is not known.
        for latest in books.ingress.latest.iter_mut().chain(&mut books.egress.latest) {
            latest.changes = u64::MAX;
        }
        books
    }
}

/// A ledger, and its latest entry.
#[derive(Default, Serialize, Deserialize)]
struct Book<L> {
    ledger: L,
    latest: Option<Latest>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Latest {
    /// When its reading began.
    at: SystemTime,
    /// How many changes of the interface had been announced.
    changes: u64,
    hooks: Hooks,
}

impl<L> Book<L> {
    /// Whether the interface is as it was at the latest entry; at the first, it is taken to be.
    fn is_unchanged(&self, changes: u64) -> bool {
        self.latest.is_none_or(|latest| latest.changes == changes)
    }

    /// Whether the hook was not watched for a while since the latest entry.
    fn has_gap(&self, now: Hooks) -> bool {
        self.latest.is_some_and(|Latest { hooks: then, .. }| {
            then.pauses != now.pauses || !then.watched || !now.watched
        })
    }
}

impl Auditor {
    /// Opens the accounts: the first entries say what the kernel had counted before the hooks were watched.
    #[must_use]
    pub fn new(witnessed: Vec<Witnessed>) -> Self {
        let namespaces = witnessed.into_iter().map(|one| Namespace {
            name: one.namespace,
            netlink: one.netlink,
            accounts: one.endpoints.into_iter().map(|(id, ifindex)| Account::new(id, ifindex)).collect(),
        });
        Self { namespaces: namespaces.collect() }
    }

    /// Reads everything, and enters what the kernel said twice. Goes on after an error; the accounts as they
    /// stand are told in any case. It blocks, on sockets only: no namespace is entered.
    pub fn run(&mut self, books: &dyn Books) -> (HashMap<EndpointId, Audited>, Vec<AuditError>) {
        let errors = self.namespaces.iter_mut().filter_map(|one| one.run(books).err()).collect();
        let accounts = self.namespaces.iter().flat_map(|one| &one.accounts);
        (accounts.map(|account| (account.id, account.audited())).collect(), errors)
    }
}

impl Namespace {
    fn run(&mut self, books: &dyn Books) -> Result<(), AuditError> {
        let ids: Vec<EndpointId> = self.accounts.iter().map(|account| account.id).collect();
        let failed = |source| AuditError::Kernel { namespace: self.name.clone(), source };
        let mut netlink = self.netlink.lock().unwrap_or_else(PoisonError::into_inner);
        let mut began = SystemTime::now();
        let mut before = witness::read(&mut netlink).map_err(failed)?;
        let mut open: Vec<&mut Account> = self.accounts.iter_mut().collect();
        for _ in 0..ATTEMPTS {
            let hooks = books.hooks(&ids)?;
            let between = SystemTime::now();
            let after = witness::read(&mut netlink).map_err(failed)?;
            let by_id: HashMap<EndpointId, Hooks> = ids.iter().copied().zip(hooks).collect();
            for account in &mut open {
                account.open(books);
            }
            open.retain_mut(|account| {
                let reading = Reading {
                    began,
                    before: before.get(&account.ifindex),
                    after: after.get(&account.ifindex),
                    hooks: by_id.get(&account.id).copied().unwrap_or_default(),
                    changes: books.changes(&self.name, account.ifindex),
                };
                !account.enter(&reading, &netlink)
            });
            if open.is_empty() {
                break;
            }
            (began, before) = (between, after);
        }
        self.accounts.iter().try_for_each(|account| account.keep(books))
    }
}

/// One reading of our maps between two of the kernel.
struct Reading<'a> {
    began: SystemTime,
    before: Option<&'a Witness>,
    after: Option<&'a Witness>,
    hooks: Hooks,
    changes: u64,
}

impl Account {
    fn new(id: EndpointId, ifindex: IfIndex) -> Self {
        Self { id, ifindex, there: true, books: None, offloads: None }
    }

    /// Goes on with what was kept, the first time.
    fn open(&mut self, books: &dyn Books) {
        if self.books.is_none() {
            self.books = Some(BothBooks::open(books.kept(self.id).as_deref()));
        }
    }

    fn keep(&self, books: &dyn Books) -> Result<(), AuditError> {
        let Some(ours) = self.books.as_ref().filter(|_| self.there) else { return Ok(()) };
        let text = serde_json::to_vec(ours).map_err(|error| AuditError::Keep(error.into()))?;
        Ok(books.keep(self.id, &text)?)
    }

    /// Enters what the kernel said twice. False when something passed in between, so that a next reading may
    /// tell more.
    fn enter(&mut self, reading: &Reading<'_>, netlink: &Netlink) -> bool {
        self.there = reading.after.is_some();
        let (Some(before), Some(after)) = (reading.before, reading.after) else { return true };
        let offloads = self.offloads(netlink, &after.name, reading.changes);
        let BothBooks { ingress, egress } = self.books.get_or_insert_default();
        let (received, sent) = (before.received == after.received, before.sent == after.sent);
        let entry = Some(Latest { at: reading.began, changes: reading.changes, hooks: reading.hooks });
        if received {
            let merges = offloads.filter(|_| ingress.is_unchanged(reading.changes)).map(|of| of.merges);
            let gap = ingress.has_gap(reading.hooks);
            ingress.ledger.enter(reading.hooks.ingress, after.received, merges, gap);
            ingress.latest = entry;
        }
        if sent {
            let whole = offloads.filter(|_| egress.is_unchanged(reading.changes)).map(|of| of.whole);
            let Hooks { egress: passed, egress_drops, .. } = reading.hooks;
            let gap = egress.has_gap(reading.hooks);
            egress.ledger.enter(passed, egress_drops, &after.sent, whole, gap);
            egress.latest = entry;
        }
        received && sent
    }

    /// The offloads as they are now; they are read again only after a change was announced.
    fn offloads(&mut self, netlink: &Netlink, name: &str, changes: u64) -> Option<Offloads> {
        if self.offloads.is_none_or(|(_, then)| then != changes) {
            // An interface that has just gone is noticed at the next reading.
            self.offloads = netlink.offloads(name).ok().map(|now| (now, changes));
        }
        self.offloads.map(|(offloads, _)| offloads)
    }

    fn audited(&self) -> Audited {
        if !self.there {
            return Audited::default();
        }
        let Some(BothBooks { ingress, egress }) = &self.books else { return Audited::default() };
        Audited {
            ingress: ingress.latest.and_then(|latest| ingress.ledger.audit(latest.at)),
            egress: egress.latest.and_then(|latest| egress.ledger.audit(latest.at)),
        }
    }
}
