//! What outputs read from: snapshots, tracked connections, and whether every hook is attached.

use netmon_model::{
    snapshot::{Flow, ServiceSnapshot, Snapshot},
    trace::Trace,
};
use serde::{Deserialize, Serialize};

/// Why a reading failed.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The source of readings: the agent's [`Watch`](crate::watch::Watch), or a fake in a test.
///
/// Every call may block for milliseconds: call them on a thread for blocking work, and at most one
/// [`snapshot`](Self::snapshot) at a time.
pub trait SnapshotSource: Send + Sync + 'static {
    /// Reads every counter and histogram.
    ///
    /// # Errors
    ///
    /// Fails if the kernel's maps cannot be read.
    fn snapshot(&self) -> Result<Snapshot, SourceError>;

    /// Returns the TCP connections that are tracked now, in no particular order. They are not part of a snapshot: no
    /// counter is made of them.
    fn flows(&self) -> Vec<Flow>;

    /// Returns the state of the lab's services, in the order of the lab file.
    fn services(&self) -> Vec<ServiceSnapshot> {
        Vec::new()
    }

    /// Returns the traces that were handed over, newest first. None by default.
    fn traces(&self) -> Vec<Trace> {
        Vec::new()
    }

    /// Returns whether every hook is attached.
    fn ready(&self) -> Readiness;
}

/// Whether netmon measures everything that it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether every hook is attached.
    pub ready: bool,
    /// Hooks with an attached program.
    pub hooks_attached: usize,
    /// Hooks that should have one: two for each endpoint.
    pub hooks_expected: usize,
    /// What is missing. `None` if ready.
    pub reason: Option<String>,
}

impl Readiness {
    /// Compares the number of attached hooks with the expected one.
    #[must_use]
    pub fn from_hooks(hooks_attached: usize, hooks_expected: usize) -> Self {
        let ready = hooks_attached == hooks_expected;
        let reason = (!ready).then(|| format!("{hooks_attached} of {hooks_expected} hooks are attached"));
        Self { ready, hooks_attached, hooks_expected, reason }
    }

    /// Not ready, because the hooks are not known yet.
    #[must_use]
    pub fn not_yet(reason: impl Into<String>) -> Self {
        Self { ready: false, hooks_attached: 0, hooks_expected: 0, reason: Some(reason.into()) }
    }
}
