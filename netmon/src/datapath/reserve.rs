//! Space for an endpoint in the kernel's maps: reserved before anything is attached, and cleared after everything is
//! detached.

use netmon_ebpf::drops::DropPlace;
use netmon_model::names::EndpointId;

use super::{Datapath, DatapathError, endpoint::Endpoint, persistence::Stage};

impl Datapath {
    /// Reserves space for an endpoint, with counters at zero.
    pub(super) fn reserve(&mut self, endpoint: &Endpoint) -> Result<(), DatapathError> {
        self.object.reserve(endpoint.id)?;
        if let Some(persistence) = &mut self.persistence {
            // Pinned maps may have the counts of a link that an agent found before it was killed: no record says so.
            self.object.clear(endpoint.id)?;
            persistence.record(endpoint, Stage::Unfinished)?;
        }
        match &mut self.object.drops {
            Some(drops) => drops.add(endpoint.id, endpoint.drop_place()),
            None => Ok(()),
        }
    }

    /// Clears the space of an endpoint, so that the next one there starts at zero.
    pub(super) fn release(&mut self, id: EndpointId, place: DropPlace) -> Vec<DatapathError> {
        let mut errors = Vec::new();
        if let Some(drops) = &mut self.object.drops {
            errors.extend(drops.remove(id, place).err());
        }
        errors.extend(self.object.clear(id).err());
        // Remove the record last: it shows the next agent that something may be left.
        if let Some(persistence) = self.persistence.as_mut().filter(|_| errors.is_empty()) {
            errors.extend(persistence.forget(id).err());
        }
        errors
    }

    /// Persists the stage of endpoints, so that it survives this process.
    pub(super) fn record(&mut self, ids: &[EndpointId], stage: Stage) -> Result<(), DatapathError> {
        let Some(persistence) = &mut self.persistence else { return Ok(()) };
        ids.iter().filter_map(|id| self.endpoints.get(id)).try_for_each(|one| persistence.record(one, stage))
    }
}
