//! The flow tables: their sizes, their fill, and the connections that they hold.
//!
//! They are arrays that are mapped into the agent. Reading them takes no system call and no lock, and does not disturb
//! the programs.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    os::fd::AsFd as _,
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, MapError, PerCpuArray},
};
use netmon_ebpf::{
    abi::Evicted,
    flow::{FLOW_WAYS, Flow, FlowSet},
    record::Settings,
    requests::{REQUEST_WAYS, RequestSet},
    tag::{endpoint_of, is_present},
};
use netmon_kernel::sys::mapping::Mapping;
use netmon_model::{names::EndpointId, snapshot::FlowTable};

use super::{DatapathError, object::take};

const FLOW_SETS: &str = "FLOW_SETS";
const TCP_FLOWS: &str = "TCP_FLOWS";
const REQUESTS: &str = "REQUESTS";

/// The sizes and the hash key with which the tables are created.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    followed: u8,
    flow_entries: u32,
    flow_sets: u32,
    flow_mask: u32,
    request_sets: u32,
    request_mask: u32,
    hash_key: u64,
}

impl Sizes {
    /// Returns sizes with room for at least this many connections and as many requests. 0 disables the tables.
    pub(super) fn for_entries(entries: u32) -> Self {
        let sets = |ways: usize| entries.div_ceil(ways as u32).max(1).next_power_of_two();
        // The standard library's hasher is keyed by the system's randomness.
        let hash_key = RandomState::new().build_hasher().finish();
        Self::new(entries > 0, sets(FLOW_WAYS), sets(REQUEST_WAYS), hash_key)
    }

    /// Returns the sizes of pinned tables.
    pub(super) fn pinned(settings: &Settings) -> Self {
        Self::new(settings.followed != 0, settings.flow_sets, settings.request_sets, settings.hash_key)
    }

    fn new(followed: bool, flow_sets: u32, request_sets: u32, hash_key: u64) -> Self {
        Self {
            followed: u8::from(followed),
            flow_entries: flow_sets * FLOW_WAYS as u32,
            flow_sets,
            flow_mask: flow_sets - 1,
            request_sets,
            request_mask: request_sets - 1,
            hash_key,
        }
    }

    /// Returns the settings that another agent needs in order to use the tables.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            hash_key: self.hash_key,
            flow_sets: self.flow_sets,
            request_sets: self.request_sets,
            followed: self.followed.into(),
            ..Settings::default()
        }
    }

    /// Returns whether these are the sizes for this many entries.
    pub(super) fn are_of(&self, entries: u32) -> bool {
        let other = Self::for_entries(entries);
        (self.followed, self.flow_sets, self.request_sets)
            == (other.followed, other.flow_sets, other.request_sets)
    }

    /// Returns the number of connections that the tables have room for.
    pub(super) fn connections(&self) -> u32 {
        if self.followed == 0 { 0 } else { self.flow_entries }
    }

    /// Returns the bytes of each table: sets of connections, connections, requests.
    pub(super) fn bytes(&self) -> [(&'static str, u64); 3] {
        let bytes = |entries: u32, size: usize| u64::from(entries) * size as u64;
        [
            (FLOW_SETS, bytes(self.flow_sets, size_of::<FlowSet>())),
            (TCP_FLOWS, bytes(self.flow_entries, size_of::<Flow>())),
            (REQUESTS, bytes(self.request_sets, size_of::<RequestSet>())),
        ]
    }

    /// Configures the loader of the object for these sizes.
    pub(super) fn set<'a>(&'a self, loader: &mut EbpfLoader<'a>) {
        loader
            .override_global("NETMON_FLOWS", &self.followed, true)
            .override_global("NETMON_FLOW_MASK", &self.flow_mask, true)
            .override_global("NETMON_REQUEST_MASK", &self.request_mask, true)
            .override_global("NETMON_HASH_KEY", &self.hash_key, true)
            .map_max_entries(FLOW_SETS, self.flow_sets)
            .map_max_entries(TCP_FLOWS, self.flow_entries)
            .map_max_entries(REQUESTS, self.request_sets);
    }
}

/// The loaded tables.
pub(super) struct FlowTables {
    entries: usize,
    sets: Mapping,
    flows: Mapping,
    evicted: PerCpuArray<MapData, u64>,
}

impl FlowTables {
    /// Takes the tables out of the object.
    pub(super) fn from_ebpf(ebpf: &mut Ebpf, sizes: Sizes) -> Result<Self, DatapathError> {
        let entries = sizes.flow_entries as usize;
        Ok(Self {
            entries: if sizes.followed == 0 { 0 } else { entries },
            sets: mapping(ebpf, FLOW_SETS, entries * size_of::<u64>())?,
            flows: mapping(ebpf, TCP_FLOWS, entries * size_of::<Flow>())?,
            evicted: take(ebpf, "EVICTED")?,
        })
    }

    /// Returns the fill of the table of connections, and the numbers of evicted entries.
    pub(super) fn state(&self) -> Result<FlowTable, DatapathError> {
        let evicted = |what: Evicted| -> Result<u64, DatapathError> {
            let counts = self.evicted.get(&(what as u32), 0);
            Ok(counts.map_err(|source| DatapathError::Map { name: "EVICTED", source })?.iter().sum())
        };
        Ok(FlowTable {
            entries: self.tags().count() as u64,
            capacity: self.entries as u64,
            evicted_flows: evicted(Evicted::Flow)?,
            evicted_requests: evicted(Evicted::Request)?,
        })
    }

    /// Returns every connection in the table, with the endpoint that sees it.
    pub(super) fn connections(&self) -> impl Iterator<Item = (EndpointId, Flow<u32>)> {
        self.tags().filter_map(|(index, tag)| {
            let flow = self.flows.get::<Flow<u32>>(index)?;
            // The entry may have been replaced during the read.
            let same = self.sets.get::<u64>(index) == Some(tag);
            same.then(|| (EndpointId(endpoint_of(tag)), flow))
        })
    }

    fn tags(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..self.entries)
            .filter_map(|index| Some((index, self.sets.get::<u64>(index)?)))
            .filter(|&(_, word)| is_present(word))
    }
}

fn mapping(ebpf: &mut Ebpf, name: &'static str, bytes: usize) -> Result<Mapping, DatapathError> {
    let refused = |error: io::Error| DatapathError::Map { name, source: MapError::IoError(error) };
    let Some(Map::Array(map)) = ebpf.map(name) else { return Err(DatapathError::Missing(name)) };
    Mapping::new(map.fd().as_fd(), bytes).map_err(refused)
}
