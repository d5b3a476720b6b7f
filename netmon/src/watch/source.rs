//! What readers see of [`Watch`]: the server a source of snapshots, the auditor a source of counts.

use std::time::SystemTime;

use log::debug;
use netmon_model::{
    error::chain,
    names::EndpointId,
    snapshot::{ErrorKind, Flow, Snapshot},
    trace::Trace,
};

use super::{
    Shared, Watch,
    assemble::{Observed, assemble},
    audit::{AuditSource, Auditor},
    found,
    inventory::Endpoint,
    state::{AuditChange, State},
};
use crate::{
    datapath::{DatapathError, HookTotals},
    live::{Readiness, SnapshotSource, SourceError},
};

impl Watch {
    /// Compares netmon's counts with the kernel's. Does nothing while another audit is under way.
    pub(crate) fn audit(&self) {
        let Some(mut auditor) = self.shared.lock().begin_audit() else { return };
        let (found, errors) = auditor.run(&*self.shared);
        let mut state = self.shared.lock();
        state.auditor = Some(auditor);
        // Meanwhile, another endpoint may have taken the slot.
        let is_stale = |id: &EndpointId| state.audit_changes.iter().any(|change| change.id() == *id);
        state.audits = found.into_iter().filter(|(id, _)| !is_stale(id)).collect();
        drop(state);
        self.count_errors(ErrorKind::Audit, errors.len());
        for error in errors {
            debug!("{}", chain(&error));
        }
    }
}

impl State {
    /// Takes the auditor, with all changes of endpoints applied; `None` while it is in use.
    fn begin_audit(&mut self) -> Option<Auditor> {
        let mut auditor = self.auditor.take()?;
        for change in self.audit_changes.drain(..) {
            match change {
                AuditChange::Add(target) => auditor.add(target),
                AuditChange::Remove(id) => auditor.remove(id),
            }
        }
        Some(auditor)
    }

    /// Returns whether an endpoint was replaced or removed since the audit began.
    fn is_stale(&self, id: EndpointId) -> bool {
        self.audit_changes.iter().any(|change| change.id() == id)
    }
}

impl AuditSource for Shared {
    fn hook_totals(&self, endpoints: &[EndpointId]) -> Result<Vec<HookTotals>, DatapathError> {
        self.lock().meter.datapath.hook_totals(endpoints)
    }

    fn changes(&self, endpoint: EndpointId) -> u64 {
        self.lock().interfaces.changes(endpoint)
    }

    fn load(&self, endpoint: EndpointId) -> Option<Vec<u8>> {
        self.lock().meter.datapath.load_ledger(endpoint)
    }

    fn store(&self, endpoint: EndpointId, ledgers: &[u8]) -> Result<(), DatapathError> {
        let mut state = self.lock();
        if state.is_stale(endpoint) { Ok(()) } else { state.meter.datapath.store_ledger(endpoint, ledgers) }
    }
}

impl SnapshotSource for Watch {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let mut state = self.shared.lock();
        let State { meter, interfaces, audits, baselines, found, host, .. } = &mut *state;
        let counts = match meter.counts() {
            Ok(counts) => counts,
            Err(error) => {
                // Best effort: the maps themselves may be what fails.
                let _ = meter.datapath.count_errors(ErrorKind::Read, 1);
                return Err(error.into());
            }
        };
        let state_of = |one: &Endpoint| {
            let found = found::of(found, meter, one);
            (one.id, found.map_or_else(|| interfaces.state(one.id), found::Found::state))
        };
        let device_of = |one: &Endpoint| Some((one.id, found::of(found, meter, one)?.device()?.clone()));
        let states = meter.inventory.endpoints().map(state_of).collect();
        let devices = meter.inventory.endpoints().filter_map(device_of).collect();
        let observed = Observed {
            taken_at: SystemTime::now(),
            features: self.features,
            interfaces: states,
            devices,
            host: host.clone(),
            audits: Some(audits),
            baselines: Some(baselines),
            probes: self.probes.read(),
        };
        Ok(assemble(&meter.inventory, counts, observed))
    }

    fn flows(&self) -> Vec<Flow> {
        self.shared.lock().meter.flows()
    }

    fn traces(&self) -> Vec<Trace> {
        self.traces.newest()
    }

    fn ready(&self) -> Readiness {
        let state = self.shared.lock();
        let gone = 2 * state.interfaces.without_hooks().count();
        let attached = state.meter.datapath.hooks_attached().saturating_sub(gone);
        Readiness::from_hooks(attached, 2 * state.meter.inventory.endpoints().count())
    }
}
