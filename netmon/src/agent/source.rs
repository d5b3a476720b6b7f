//! What the agent's server reads: what is watched, and the state of the lab's services.

use std::{path::PathBuf, sync::Arc};

use netmon_model::{
    snapshot::{Flow, ServicePhase, ServiceSnapshot, Snapshot},
    trace::Trace,
};

use crate::{
    live::{Readiness, SnapshotSource, SourceError},
    services::{ServiceState, ServiceStatus, recorded_status},
    watch::Watch,
};

/// The source of everything that is served.
pub(super) struct Source {
    pub(super) watch: Arc<Watch>,
    /// Where the supervisor of the services writes their state: this agent's, or one that `netmon up` left.
    pub(super) state_dir: PathBuf,
}

impl SnapshotSource for Source {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        self.watch.snapshot()
    }

    fn flows(&self) -> Vec<Flow> {
        self.watch.flows()
    }

    fn services(&self) -> Vec<ServiceSnapshot> {
        let recorded = recorded_status(&self.state_dir).unwrap_or_else(|error| {
            log::debug!("cannot read the state of the services: {error}");
            Vec::new()
        });
        recorded.into_iter().map(snapshot).collect()
    }

    fn traces(&self) -> Vec<Trace> {
        SnapshotSource::traces(&*self.watch)
    }

    fn ready(&self) -> Readiness {
        self.watch.ready()
    }
}

fn snapshot(status: ServiceStatus) -> ServiceSnapshot {
    let ServiceStatus { name, namespace, what, state, restarts, last_exit } = status;
    let state = match state {
        ServiceState::Starting => ServicePhase::Starting,
        ServiceState::Running { .. } => ServicePhase::Running,
        ServiceState::Waiting => ServicePhase::Waiting,
        ServiceState::Stopped => ServicePhase::Stopped,
    };
    ServiceSnapshot { namespace, name, what: public(what), state, restarts, last_exit }
}

/// Returns what every user may read of what a service runs: its arguments may contain secrets.
fn public(what: String) -> String {
    let is_server = what.starts_with("http://");
    if is_server { what } else { what.split(' ').next().unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_served_without_its_arguments() {
        assert_eq!(public("postgres --password=hunter2".to_owned()), "postgres");
        assert_eq!(public("http://10.200.0.3:80/".to_owned()), "http://10.200.0.3:80/");
    }
}
