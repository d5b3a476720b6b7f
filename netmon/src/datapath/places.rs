//! The place of an end in the kernel's maps: given to it before anything is attached, and taken back when nothing is any
//! more, empty as it was.

use netmon_ebpf::drops::DropPlace;
use netmon_model::names::EndpointId;

use super::{
    Datapath, DatapathError,
    persistence::Stage,
    watched::{WatchedEndpoint, WatchedLink},
};
use crate::topology::Endpoint;

impl Datapath {
    /// Gives both ends of each pair a slot with counters at zero.
    pub(super) fn add_all(
        &mut self,
        pairs: Vec<(Endpoint, Endpoint)>,
        added: &mut Vec<WatchedLink>,
    ) -> Result<(), DatapathError> {
        for (a, b) in pairs {
            let a = self.add(a)?;
            match self.add(b) {
                Ok(b) => added.push(WatchedLink::new(a, b)),
                Err(error) => {
                    self.release(a.id, a.drop_place());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, endpoint: Endpoint) -> Result<WatchedEndpoint, DatapathError> {
        let id = self.slots.take();
        let pins = self.persistence.as_ref().map(|persistence| persistence.hooks(id));
        let end = WatchedEndpoint::new(id, endpoint, pins);
        self.reserve(&end).inspect_err(|_| self.slots.give_back(end.id))?;
        Ok(end)
    }

    fn reserve(&mut self, end: &WatchedEndpoint) -> Result<(), DatapathError> {
        let refused = |source| DatapathError::Map { name: "COUNTERS", source };
        self.object.counters.reserve(end.id).map_err(refused)?;
        self.object.round_trips.reserve(end.id).map_err(refused)?;
        if let Some(persistence) = &mut self.persistence {
            persistence.record_end(end)?;
        }
        match &mut self.object.drops {
            Some(drops) => drops.add(end.id, end.drop_place()),
            None => Ok(()),
        }
    }

    /// Lets the slot of an end go, whose next endpoint begins at zero.
    pub(super) fn release(&mut self, id: EndpointId, place: DropPlace) -> Vec<DatapathError> {
        let mut errors = Vec::new();
        if let Some(drops) = &mut self.object.drops {
            errors.extend(drops.remove(id, place).err());
        }
        errors.extend(self.object.clear(id).err());
        // The record goes last: whoever finds it knows that there may be something left.
        if let Some(persistence) = self.persistence.as_mut().filter(|_| errors.is_empty()) {
            errors.extend(persistence.forget(id).err());
        }
        self.slots.give_back(id);
        errors
    }

    /// Notes that these links are counted from here on, whatever becomes of this process.
    pub(super) fn complete(&mut self, links: &[WatchedLink]) -> Result<(), DatapathError> {
        let Some(persistence) = &mut self.persistence else { return Ok(()) };
        links.iter().try_for_each(|link| persistence.record_link(link, Stage::Complete))
    }
}
