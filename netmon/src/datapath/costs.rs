//! The cost of measuring: run times of the programs, memory and fill of the maps.

use netmon_ebpf::abi::CHUNK_ENDPOINTS;
use netmon_model::{
    cost::{Cost, Fill, MapUse},
    snapshot::FlowTable,
};

use super::{Datapath, DatapathError, run_time::RunTime};

impl Datapath {
    pub(super) fn cost(&mut self, flows: &FlowTable) -> Result<Cost, DatapathError> {
        let mut maps = self.object.meter.read()?;
        let endpoints = self.endpoints.len() as u64;
        // The endpoints' values are in chunks. The kernel accounts only the outer map's slots.
        add_chunks(&mut maps, "COUNTERS", endpoints, self.object.counters.bytes());
        add_chunks(&mut maps, "ROUND_TRIPS", endpoints, self.object.round_trips.bytes());
        let tables = [
            ("TCP_FLOWS", flows.entries, flows.capacity),
            ("UDP_FLOWS", flows.udp_entries, flows.udp_capacity),
        ];
        for (name, entries, max_entries) in tables {
            if let Some(table) = maps.iter_mut().find(|one| one.map == name) {
                table.fill = Some(Fill { entries, max_entries });
            }
        }
        let programs = self
            .run_time
            .as_ref()
            .map(|_| RunTime::read(self.endpoints.values(), &self.object))
            .transpose()?;
        Ok(Cost { programs, maps })
    }
}

fn add_chunks(maps: &mut [MapUse], name: &str, endpoints: u64, bytes: usize) {
    if let Some(outer) = maps.iter_mut().find(|one| one.map == name) {
        outer.bytes += bytes as u64;
        let chunk = u64::from(CHUNK_ENDPOINTS);
        outer.fill = Some(Fill { entries: endpoints, max_entries: endpoints.next_multiple_of(chunk) });
    }
}
