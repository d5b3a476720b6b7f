//! Room for an endpoint in the kernel's maps: reserved before anything is attached, and cleared when nothing is any
//! more.

use netmon_ebpf::drops::DropPlace;
use netmon_model::names::EndpointId;

use super::{Datapath, DatapathError, endpoint::Endpoint, persistence::Stage};

impl Datapath {
    /// Makes room for an endpoint, with counters at zero.
    pub(super) fn reserve(&mut self, endpoint: &Endpoint) -> Result<(), DatapathError> {
        let refused = |source| DatapathError::Map { name: "COUNTERS", source };
        self.object.counters.reserve(endpoint.id).map_err(refused)?;
        self.object.round_trips.reserve(endpoint.id).map_err(refused)?;
        if let Some(persistence) = &mut self.persistence {
            persistence.record(endpoint, Stage::Unfinished)?;
        }
        match &mut self.object.drops {
            Some(drops) => drops.add(endpoint.id, endpoint.drop_place()),
            None => Ok(()),
        }
    }

    /// Clears the room of an endpoint: the next one there begins at zero.
    pub(super) fn release(&mut self, id: EndpointId, place: DropPlace) -> Vec<DatapathError> {
        let mut errors = Vec::new();
        if let Some(drops) = &mut self.object.drops {
            errors.extend(drops.remove(id, place).err());
        }
        errors.extend(self.object.clear(id).err());
        // The record goes last: an agent that finds it knows that something may be left.
        if let Some(persistence) = self.persistence.as_mut().filter(|_| errors.is_empty()) {
            errors.extend(persistence.forget(id).err());
        }
        errors
    }

    /// Records how far endpoints are, whatever becomes of this process.
    pub(super) fn record(&mut self, ids: &[EndpointId], stage: Stage) -> Result<(), DatapathError> {
        let Some(persistence) = &mut self.persistence else { return Ok(()) };
        ids.iter().filter_map(|id| self.endpoints.get(id)).try_for_each(|one| persistence.record(one, stage))
    }
}
