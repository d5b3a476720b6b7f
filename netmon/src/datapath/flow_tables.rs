//! The flow tables: their sizes, their fill, and the connections and conversations over UDP that they hold.
//!
//! They are arrays that are mapped into the agent. Reading them takes no system call and no lock, and does not disturb
//! the programs.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    os::fd::AsFd as _,
};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Map, MapData, MapError, PerCpuArray},
};
use netmon_ebpf::{
    abi::Evicted,
    flow::{FLOW_WAYS, Flow, FlowSet},
    record::Settings,
    requests::{REQUEST_WAYS, RequestSet},
    tag::{endpoint_of, is_present},
    udp::UdpFlow,
};
use netmon_kernel::sys::mapping::Mapping;
use netmon_model::{names::EndpointId, snapshot::FlowTable};

use super::{DatapathError, object::take};

const FLOW_SETS: &str = "FLOW_SETS";
const TCP_FLOWS: &str = "TCP_FLOWS";
const REQUESTS: &str = "REQUESTS";
const UDP_SETS: &str = "UDP_SETS";
const UDP_FLOWS: &str = "UDP_FLOWS";

/// The sizes and the hash key with which the tables are created.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    tcp: TableSize,
    requests: TableSize,
    udp: TableSize,
    hash_key: u64,
}

/// The size of a table of sets, as the programs need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TableSize {
    /// Whether it is used; 0 or 1.
    used: u8,
    sets: u32,
    mask: u32,
    entries: u32,
}

impl TableSize {
    /// Returns the size with room for at least this many entries, `ways` to a set. 0 disables the table.
    fn for_entries(entries: u32, ways: usize) -> Self {
        Self::new(entries > 0, entries.div_ceil(ways as u32).max(1).next_power_of_two(), ways)
    }

    fn new(is_used: bool, sets: u32, ways: usize) -> Self {
        Self { used: u8::from(is_used), sets, mask: sets - 1, entries: sets * ways as u32 }
    }

    fn capacity(&self) -> u32 {
        if self.used == 0 { 0 } else { self.entries }
    }
}

impl Sizes {
    /// Returns sizes with room for at least `flow_entries` connections and as many requests, and `udp_flows` conversations
    /// over UDP. 0 disables the tables.
    pub(super) fn for_entries(flow_entries: u32, udp_flows: u32) -> Self {
        Self {
            tcp: TableSize::for_entries(flow_entries, FLOW_WAYS),
            requests: TableSize::for_entries(flow_entries, REQUEST_WAYS),
            udp: TableSize::for_entries(udp_flows, FLOW_WAYS),
            // The standard library's hasher is keyed by the system's randomness.
            hash_key: RandomState::new().build_hasher().finish(),
        }
    }

    /// Returns the sizes of pinned tables.
    pub(super) fn pinned(settings: &Settings) -> Self {
        let followed = settings.followed != 0;
        Self {
            tcp: TableSize::new(followed, settings.flow_sets, FLOW_WAYS),
            requests: TableSize::new(followed, settings.request_sets, REQUEST_WAYS),
            udp: TableSize::new(settings.udp_followed != 0, settings.udp_sets, FLOW_WAYS),
            hash_key: settings.hash_key,
        }
    }

    /// Returns the settings that another agent needs in order to use the tables.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            hash_key: self.hash_key,
            flow_sets: self.tcp.sets,
            request_sets: self.requests.sets,
            followed: self.tcp.used.into(),
            udp_sets: self.udp.sets,
            udp_followed: self.udp.used.into(),
            ..Settings::default()
        }
    }

    /// Returns whether these are the sizes for this many entries.
    pub(super) fn are_of(&self, flow_entries: u32, udp_flows: u32) -> bool {
        let other = Self::for_entries(flow_entries, udp_flows);
        (self.tcp, self.requests, self.udp) == (other.tcp, other.requests, other.udp)
    }

    /// Returns the number of connections that the tables have room for.
    pub(super) fn connections(&self) -> u32 {
        self.tcp.capacity()
    }

    /// Returns the number of conversations over UDP that the tables have room for.
    pub(super) fn conversations(&self) -> u32 {
        self.udp.capacity()
    }

    /// Returns the bytes of each table: sets of connections, connections, requests, and both of UDP.
    pub(super) fn bytes(&self) -> [(&'static str, u64); 5] {
        let bytes = |entries: u32, size: usize| u64::from(entries) * size as u64;
        [
            (FLOW_SETS, bytes(self.tcp.sets, size_of::<FlowSet>())),
            (TCP_FLOWS, bytes(self.tcp.entries, size_of::<Flow>())),
            (REQUESTS, bytes(self.requests.sets, size_of::<RequestSet>())),
            (UDP_SETS, bytes(self.udp.sets, size_of::<FlowSet>())),
            (UDP_FLOWS, bytes(self.udp.entries, size_of::<UdpFlow>())),
        ]
    }

    /// Configures the loader of the object for these sizes.
    pub(super) fn set<'a>(&'a self, loader: &mut EbpfLoader<'a>) {
        loader
            .override_global("NETMON_FLOWS", &self.tcp.used, true)
            .override_global("NETMON_FLOW_MASK", &self.tcp.mask, true)
            .override_global("NETMON_REQUEST_MASK", &self.requests.mask, true)
            .override_global("NETMON_UDP", &self.udp.used, true)
            .override_global("NETMON_UDP_MASK", &self.udp.mask, true)
            .override_global("NETMON_HASH_KEY", &self.hash_key, true)
            .map_max_entries(FLOW_SETS, self.tcp.sets)
            .map_max_entries(TCP_FLOWS, self.tcp.entries)
            .map_max_entries(REQUESTS, self.requests.sets)
            .map_max_entries(UDP_SETS, self.udp.sets)
            .map_max_entries(UDP_FLOWS, self.udp.entries);
    }
}

/// The loaded tables.
pub(super) struct FlowTables {
    tcp: Table,
    udp: Table,
    evicted: PerCpuArray<MapData, u64>,
}

impl FlowTables {
    /// Takes the tables out of the object.
    pub(super) fn from_ebpf(ebpf: &mut Ebpf, sizes: Sizes) -> Result<Self, DatapathError> {
        Ok(Self {
            tcp: Table::open::<Flow>(ebpf, (FLOW_SETS, TCP_FLOWS), sizes.tcp)?,
            udp: Table::open::<UdpFlow>(ebpf, (UDP_SETS, UDP_FLOWS), sizes.udp)?,
            evicted: take(ebpf, "EVICTED")?,
        })
    }

    /// Returns the fill of the tables, and the numbers of evicted entries.
    pub(super) fn state(&self) -> Result<FlowTable, DatapathError> {
        let evicted = |what: Evicted| -> Result<u64, DatapathError> {
            let counts = self.evicted.get(&(what as u32), 0);
            Ok(counts.map_err(|source| DatapathError::Map { name: "EVICTED", source })?.iter().sum())
        };
        Ok(FlowTable {
            entries: self.tcp.tags().count() as u64,
            capacity: self.tcp.capacity as u64,
            evicted_flows: evicted(Evicted::Flow)?,
            evicted_requests: evicted(Evicted::Request)?,
            udp_entries: self.udp.tags().count() as u64,
            udp_capacity: self.udp.capacity as u64,
            evicted_udp_flows: evicted(Evicted::UdpFlow)?,
        })
    }

    /// Returns every connection in the table, with the endpoint that sees it.
    pub(super) fn connections(&self) -> impl Iterator<Item = (EndpointId, Flow<u32>)> {
        self.tcp.entries()
    }

    /// Returns every conversation over UDP in the table, with the endpoint that sees it.
    pub(super) fn conversations(&self) -> impl Iterator<Item = (EndpointId, UdpFlow<u64>)> {
        self.udp.entries()
    }
}

/// A table: sets of tags, and the entries that they lead to.
struct Table {
    /// The number of entries. 0 if the table is not used.
    capacity: usize,
    sets: Mapping,
    entries: Mapping,
}

impl Table {
    fn open<T>(
        ebpf: &mut Ebpf,
        (sets, entries): (&'static str, &'static str),
        size: TableSize,
    ) -> Result<Self, DatapathError> {
        let places = size.entries as usize;
        Ok(Self {
            capacity: size.capacity() as usize,
            sets: mapping(ebpf, sets, places * size_of::<u64>())?,
            entries: mapping(ebpf, entries, places * size_of::<T>())?,
        })
    }

    fn entries<T: Pod>(&self) -> impl Iterator<Item = (EndpointId, T)> {
        self.tags().filter_map(|(index, tag)| {
            let entry = self.entries.get::<T>(index)?;
            // The entry may have been replaced during the read.
            let same = self.sets.get::<u64>(index) == Some(tag);
            same.then(|| (EndpointId(endpoint_of(tag)), entry))
        })
    }

    fn tags(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..self.capacity)
            .filter_map(|index| Some((index, self.sets.get::<u64>(index)?)))
            .filter(|&(_, word)| is_present(word))
    }
}

fn mapping(ebpf: &mut Ebpf, name: &'static str, bytes: usize) -> Result<Mapping, DatapathError> {
    let refused = |error: io::Error| DatapathError::Map { name, source: MapError::IoError(error) };
    let Some(Map::Array(map)) = ebpf.map(name) else { return Err(DatapathError::Missing(name)) };
    Mapping::new(map.fd().as_fd(), bytes).map_err(refused)
}
