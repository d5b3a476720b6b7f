//! A source for tests: the lab `direct`, with its connections, and as many hooks attached as the test says.

use netmon_model::{
    fixtures,
    snapshot::{Flow, Snapshot},
};

use super::{Readiness, SnapshotSource, SourceError};

/// The lab `direct`, all of whose readings are equal.
pub(crate) struct Direct {
    /// Of its four hooks, those with a program.
    pub(crate) hooks_attached: usize,
}

impl SnapshotSource for Direct {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        Ok(fixtures::direct())
    }

    fn flows(&self) -> Vec<Flow> {
        fixtures::flows()
    }

    fn ready(&self) -> Readiness {
        Readiness::from_hooks(self.hooks_attached, 4)
    }
}
