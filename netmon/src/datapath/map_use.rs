//! The memory of the maps as the kernel accounts it, and the fill of those that fill up.
//!
//! Counting the entries reads a map from end to end, so it is done rarely.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use aya::{Ebpf, maps::Map, util::nr_cpus};
use netmon_kernel::{
    proc,
    sys::bpf_info::{count_entries, max_entries},
};
use netmon_model::cost::{Fill, MapUse};

use super::DatapathError;

/// How long a count is reused.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// The maps of the object, each with a descriptor of its own.
pub(super) struct MapMeter {
    maps: Vec<Metered>,
    counted: Option<Instant>,
}

struct Metered {
    name: String,
    map: OwnedFd,
    /// The number of values of an entry. `None` for a map that does not fill up.
    values: Option<usize>,
    fill: Option<Fill>,
}

impl MapMeter {
    /// Returns a meter of the maps of the object that are used.
    pub(super) fn from_ebpf(ebpf: &Ebpf, is_used: impl Fn(&str) -> bool) -> Result<Self, DatapathError> {
        let cpus = nr_cpus().map_err(|(_, error)| DatapathError::Accounts(error))?;
        let mut maps = Vec::new();
        for (name, map) in ebpf.maps().filter(|(name, _)| is_used(name)) {
            let (data, values) = match map {
                Map::HashMap(data) | Map::LruHashMap(data) => (data, Some(1)),
                Map::PerCpuHashMap(data) | Map::PerCpuLruHashMap(data) => (data, Some(cpus)),
                Map::Array(data)
                | Map::ArrayOfMaps(data)
                | Map::PerCpuArray(data)
                | Map::ProgramArray(data)
                | Map::RingBuf(data) => (data, None),
                _ => continue,
            };
            let map = data.fd().as_fd().try_clone_to_owned().map_err(DatapathError::Accounts)?;
            maps.push(Metered { name: name.to_owned(), map, values, fill: None });
        }
        maps.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { maps, counted: None })
    }

    /// Returns the memory and the fill of each map. The fill is up to ten seconds old.
    pub(super) fn read(&mut self) -> Result<Vec<MapUse>, DatapathError> {
        if self.counted.is_none_or(|when| when.elapsed() >= GOOD_FOR) {
            for metered in &mut self.maps {
                // A kernel without this query (before Linux 5.6) shows no fill.
                metered.fill = metered.values.and_then(|values| fill(&metered.map, values).ok());
            }
            self.counted = Some(Instant::now());
        }
        self.maps
            .iter()
            .map(|metered| {
                let bytes = memory(metered.map.as_fd())?;
                Ok(MapUse { map: metered.name.clone(), bytes, fill: metered.fill })
            })
            .collect()
    }
}

fn fill(map: &OwnedFd, values: usize) -> io::Result<Fill> {
    Ok(Fill { entries: count_entries(map, values)?, max_entries: max_entries(map)?.into() })
}

/// Returns the bytes of memory that the kernel accounts for a map.
fn memory(map: BorrowedFd<'_>) -> Result<u64, DatapathError> {
    proc::descriptor_field(map, "memlock").map_err(DatapathError::Accounts)
}
