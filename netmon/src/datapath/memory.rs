//! The memory that the maps will need for a number of endpoints, before they exist.
//!
//! The memory of the endpoints' values is computed: endpoints, in whole chunks, x possible CPUs x value size. The rest
//! does not depend on the endpoints. It is as the kernel accounts it once the object is loaded, or computed as well.

use aya::util::nr_cpus;
use netmon_ebpf::{
    abi::{CHUNK_ENDPOINTS, MAX_CHUNKS},
    endpoint::{Counters, RoundTrips},
};
use serde::Serialize;

use super::{Datapath, DatapathError, chunks::value_bytes, flow_tables::Sizes};

/// The maximum number of endpoints.
pub const MAX_ENDPOINTS: u32 = CHUNK_ENDPOINTS * MAX_CHUNKS;

/// The memory that one map will need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapNeed {
    /// The map's name in the kernel.
    pub map: String,
    /// Bytes of memory.
    pub bytes: u64,
    /// The factors of `bytes`. `None` for a map that does not grow with the endpoints.
    pub per_endpoint: Option<PerEndpoint>,
}

/// The factors of a map's memory: endpoints x CPUs x bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PerEndpoint {
    /// Endpoints in whole chunks.
    pub endpoints: u32,
    /// Possible CPUs.
    pub cpus: usize,
    /// The size of a value in bytes.
    pub value_bytes: usize,
}

/// Returns the needs of the maps that grow with the endpoints.
#[must_use]
pub fn of_endpoints(endpoints: u32) -> [MapNeed; 2] {
    let cpus = nr_cpus().unwrap_or(1);
    let places = endpoints.next_multiple_of(CHUNK_ENDPOINTS);
    let need = |map: &str, value_bytes: usize| MapNeed {
        map: map.to_owned(),
        bytes: u64::from(places) * (cpus * value_bytes) as u64,
        per_endpoint: Some(PerEndpoint { endpoints: places, cpus, value_bytes }),
    };
    [need("COUNTERS", value_bytes::<Counters>()), need("ROUND_TRIPS", value_bytes::<RoundTrips>())]
}

/// Returns the computed needs of all large maps, for callers that may not load the object.
#[must_use]
pub fn computed(endpoints: u32, flow_entries: u32) -> Vec<MapNeed> {
    let tables = Sizes::for_entries(flow_entries, 0).bytes().map(|(map, bytes)| fixed(map, bytes));
    of_endpoints(endpoints).into_iter().chain(tables).collect()
}

fn fixed(map: &str, bytes: u64) -> MapNeed {
    MapNeed { map: map.to_owned(), bytes, per_endpoint: None }
}

impl Datapath {
    /// Returns the needs of all maps: the loaded ones as the kernel accounts them, and the chunks of this many endpoints.
    ///
    /// # Errors
    ///
    /// Fails if the kernel does not report the memory of a map.
    pub fn memory_for(&mut self, endpoints: u32) -> Result<Vec<MapNeed>, DatapathError> {
        let loaded = self.object.meter.read()?;
        let mut needs: Vec<MapNeed> = loaded.iter().map(|map| fixed(&map.map, map.bytes)).collect();
        for chunks in of_endpoints(endpoints) {
            if let Some(outer) = needs.iter_mut().find(|need| need.map == chunks.map) {
                outer.bytes += chunks.bytes;
                outer.per_endpoint = chunks.per_endpoint;
            }
        }
        Ok(needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_take_whole_chunks_of_values_for_every_cpu() {
        let [none, ..] = of_endpoints(0);
        assert_eq!(none.bytes, 0);
        for map in [0, 1] {
            let (one, full, more) = (&of_endpoints(1)[map], &of_endpoints(256)[map], &of_endpoints(257)[map]);
            assert_eq!(one, full);
            assert_eq!(more.bytes, 2 * full.bytes);
            let how = one.per_endpoint.unwrap();
            assert_eq!(one.bytes, u64::from(how.endpoints) * (how.cpus * how.value_bytes) as u64);
        }
    }

    #[test]
    fn without_flows_the_tables_have_their_minimum_size() {
        let bytes = |entries| computed(2, entries).iter().skip(2).map(|need| need.bytes).sum::<u64>();
        assert!(bytes(0) < 10_000, "{}", bytes(0));
        // 280 bytes for each connection and request, as the help of `netmon run` says, and a table of UDP that is off.
        let udp = Sizes::for_entries(0, 0).bytes().iter().rev().take(2).map(|(_, bytes)| bytes).sum::<u64>();
        assert_eq!(bytes(65_536), 65_536 * 280 + udp);
    }
}
