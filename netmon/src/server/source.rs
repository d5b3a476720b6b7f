//! What the server needs from the rest of the agent: readings, and whether every hook is watched.

use netmon_model::snapshot::{Flow, Snapshot};
use serde::{Deserialize, Serialize};

/// Why a reading failed.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where readings come from: the datapath, or a made-up one in a test.
///
/// Both calls may block for milliseconds; the server makes them on a thread for blocking work, and at most
/// one [`snapshot`](Self::snapshot) at a time.
pub trait SnapshotSource: Send + Sync + 'static {
    /// Reads everything now.
    ///
    /// # Errors
    ///
    /// When the kernel's maps cannot be read.
    fn snapshot(&self) -> Result<Snapshot, SourceError>;

    /// The TCP connections that are followed now, in no order. No counters are made of them, so they are no
    /// part of a snapshot.
    fn flows(&self) -> Vec<Flow>;

    /// Whether every hook is attached.
    fn ready(&self) -> Readiness;
}

/// Whether netmon sees all that it is meant to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether every hook is attached.
    pub ready: bool,
    /// Hooks that a program is attached to.
    pub hooks_attached: usize,
    /// Hooks that should have one: two for each end of each link.
    pub hooks_expected: usize,
    /// What is missing; none when ready.
    pub reason: Option<String>,
}

impl Readiness {
    /// The verdict on this many hooks.
    #[must_use]
    pub fn of_hooks(hooks_attached: usize, hooks_expected: usize) -> Self {
        let ready = hooks_attached == hooks_expected;
        let reason = (!ready).then(|| format!("{hooks_attached} of {hooks_expected} hooks are attached"));
        Self { ready, hooks_attached, hooks_expected, reason }
    }

    /// Not ready before the hooks are even known.
    #[must_use]
    pub fn not_yet(reason: impl Into<String>) -> Self {
        Self { ready: false, hooks_attached: 0, hooks_expected: 0, reason: Some(reason.into()) }
    }
}
