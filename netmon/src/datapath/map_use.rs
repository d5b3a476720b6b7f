//! What the maps take and hold: memory as the kernel accounts it, and how full those are that fill up.
//!
//! Counting reads a map from end to end, so it is done seldom.

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

/// How long a count is good for.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// The maps of the object, by descriptors of our own.
pub(super) struct MapMeter {
    maps: Vec<Metered>,
    counted: Option<Instant>,
}

struct Metered {
    name: String,
    map: OwnedFd,
    /// Values that an entry has; none for a map that does not fill up.
    values: Option<usize>,
    fill: Option<Fill>,
}

impl MapMeter {
    /// Everything that the object has.
    pub(super) fn of(ebpf: &Ebpf) -> Result<Self, DatapathError> {
        let cpus = nr_cpus().map_err(|(_, error)| DatapathError::Accounts(error))?;
        let mut maps = Vec::new();
        for (name, map) in ebpf.maps() {
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

    /// What each takes and holds; how full it is, as of the last ten seconds.
    pub(super) fn read(&mut self) -> Result<Vec<MapUse>, DatapathError> {
        if self.counted.is_none_or(|when| when.elapsed() >= GOOD_FOR) {
            for metered in &mut self.maps {
                // A kernel that cannot be asked this way (before Linux 5.6) shows no fill.
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

/// Bytes of memory that the kernel accounts for a map.
fn memory(map: BorrowedFd<'_>) -> Result<u64, DatapathError> {
    proc::descriptor_field(map, "memlock").map_err(DatapathError::Accounts)
}
