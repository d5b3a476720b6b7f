//! The loaded tracing programs and their maps.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::{
    Btf, Ebpf,
    maps::{Array, ArrayOfMaps, HashMap, MapData, MapError, PerCpuValues, ProgramArray},
    programs::{BtfTracePoint, ProgramError},
};
use netmon_ebpf::{
    abi::{EGRESS, INGRESS},
    tracing::{Crossings, FOLLOWERS, NO_ENDPOINT, Place, Watched},
};
use netmon_model::names::EndpointId;

use super::super::{DatapathError, chunks::Chunks, error::gone, object::take};

const WATCHED: &str = "WATCHED";
const CROSSINGS: &str = "CROSSINGS";
const GENERATION: &str = "WATCHED_GENERATION";

/// The maps that only the tracing programs use. Without them, each is as small as can be.
pub(in crate::datapath) const MAPS: [&str; 7] =
    [WATCHED, CROSSINGS, GENERATION, "DEPARTURES", "TRACING_LOCAL", "RECEIVED_TABLE", "SENT_TABLE"];
const ARRIVES: &str = "netif_receive_skb";
const LEAVES: &str = "net_dev_start_xmit";
/// The programs and their tracepoints. Arrivals come first: whatever has departed is then seen to arrive.
const PROGRAMS: [(&str, &str); 3] =
    [("netmon_received", ARRIVES), ("netmon_sent", LEAVES), ("netmon_queued", "net_dev_queue")];
/// How many of them count packets. The rest only measures.
const COUNTING: usize = 2;
/// The tables of programs that continue with a packet, the hook whose programs they have, and the tracepoint.
const TABLES: [(&str, usize, &str); 2] =
    [("RECEIVED_TABLE", INGRESS, ARRIVES), ("SENT_TABLE", EGRESS, LEAVES)];

/// What the programs do with a packet of a watched interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracingDepth {
    /// They count it, measure its latency and loss, and follow its conversation.
    Full,
    /// They count it. A packet costs the least that way.
    Count,
}

/// The attached programs. They end with the object that holds them.
pub(in crate::datapath) struct Tracing {
    depth: TracingDepth,
    watched: HashMap<MapData, Place, Watched>,
    generation: Array<MapData, u64>,
    crossings: Chunks<Crossings>,
    /// The kernel empties a table when its last descriptor is closed.
    tables: Vec<ProgramArray<MapData>>,
    /// The attached programs, which the kernel accounts run time to.
    programs: Vec<(&'static str, OwnedFd)>,
}

impl Tracing {
    /// Loads and attaches the programs. They watch nothing yet.
    pub(in crate::datapath) fn start(ebpf: &mut Ebpf, depth: TracingDepth) -> Result<Self, DatapathError> {
        let crossings = take::<ArrayOfMaps<MapData, _>>(ebpf, CROSSINGS)?;
        let mut tracing = Self {
            depth,
            watched: take(ebpf, WATCHED)?,
            generation: take(ebpf, GENERATION)?,
            crossings: Chunks::open(crossings).map_err(|source| map(CROSSINGS, source))?,
            tables: Vec::new(),
            programs: Vec::new(),
        };
        tracing.next_generation()?;
        let types = Btf::from_sys_fs().map_err(|error| DatapathError::NoTracing(error.to_string()))?;
        for table in TABLES {
            tracing.tables.push(fill_table(ebpf, table, &types)?);
        }
        let needed = if depth == TracingDepth::Count { &PROGRAMS[..COUNTING] } else { &PROGRAMS };
        for place in needed {
            tracing.programs.push((place.0, attach(ebpf, *place, &types)?));
        }
        Ok(tracing)
    }

    /// Returns what the programs do with a packet.
    pub(super) fn depth(&self) -> TracingDepth {
        self.depth
    }

    /// Returns the attached programs, by their names in the kernel.
    pub(in crate::datapath) fn programs(&self) -> impl Iterator<Item = (&'static str, &OwnedFd)> {
        self.programs.iter().map(|(name, program)| (*name, program))
    }

    /// Makes room for the crossings of an endpoint.
    pub(super) fn reserve(&mut self, id: EndpointId) -> Result<(), DatapathError> {
        self.crossings.reserve(id).map_err(|source| map(CROSSINGS, source))
    }

    /// Enters an interface, or what is new of it. The programs see it after [`Self::next_generation`].
    pub(super) fn enter(&mut self, place: Place, watched: Watched) -> Result<(), DatapathError> {
        self.watched.insert(place, watched, 0).map_err(|source| map(WATCHED, source))
    }

    /// Removes an interface, if it belongs to this endpoint. By now, it may belong to another.
    pub(super) fn remove(&mut self, place: Place, id: EndpointId) -> Result<(), DatapathError> {
        let belongs = self.watched.get(&place, 0).is_ok_and(|watched| watched.endpoint == id.0);
        if belongs {
            gone(self.watched.remove(&place)).map_err(|source| map(WATCHED, source))
        } else {
            Ok(())
        }
    }

    /// Lets the programs ask again which interfaces are watched.
    pub(super) fn next_generation(&mut self) -> Result<(), DatapathError> {
        let now = self.generation.get(&0, 0).map_err(|source| map(GENERATION, source))?;
        self.generation.set(0, now + 1, 0).map_err(|source| map(GENERATION, source))
    }

    /// Waits until no program runs that began before this call.
    pub(super) fn await_programs(&mut self) -> Result<(), DatapathError> {
        self.crossings.await_programs().map_err(|source| map(CROSSINGS, source))
    }

    /// Sets the crossings of an endpoint to zero on every CPU.
    pub(super) fn clear(&mut self, id: EndpointId) -> Result<(), DatapathError> {
        self.crossings.fill(id, Crossings::ZERO).map_err(|source| map(CROSSINGS, source))
    }

    /// Reads the crossings of an endpoint on every CPU.
    pub(super) fn crossings(&self, id: EndpointId) -> Result<PerCpuValues<Crossings>, DatapathError> {
        self.crossings.get(id).map_err(|source| map(CROSSINGS, source))
    }

    /// Returns the kernel memory of the endpoints' crossings in bytes.
    pub(in crate::datapath) fn bytes(&self) -> usize {
        self.crossings.bytes()
    }
}

/// Returns the number by which the programs know an endpoint, or that there is none.
pub(super) fn number(id: Option<EndpointId>) -> u32 {
    id.map_or(NO_ENDPOINT, |id| id.0)
}

/// Loads and attaches a program. Returns a descriptor of it.
fn attach(
    ebpf: &mut Ebpf,
    (name, tracepoint): (&'static str, &str),
    types: &Btf,
) -> Result<OwnedFd, DatapathError> {
    let program = load(ebpf, (name, tracepoint), types)?;
    program.attach().map_err(|source| refused(name, source))?;
    let fd = program.fd().map_err(|source| refused(name, source))?;
    fd.as_fd().try_clone_to_owned().map_err(DatapathError::Accounts)
}

/// Loads the programs that continue with a packet into the table through which they are called.
fn fill_table(
    ebpf: &mut Ebpf,
    (name, hook, tracepoint): (&'static str, usize, &str),
    types: &Btf,
) -> Result<ProgramArray<MapData>, DatapathError> {
    let mut table: ProgramArray<MapData> = take(ebpf, name)?;
    for follower in FOLLOWERS {
        let program = follower.programs[hook];
        let fd = load(ebpf, (program, tracepoint), types)?.fd().map_err(|source| refused(program, source))?;
        for stage in follower.stages {
            table.set(*stage as u32, fd, 0).map_err(|source| map(name, source))?;
        }
    }
    Ok(table)
}

fn load<'e>(
    ebpf: &'e mut Ebpf,
    (name, tracepoint): (&'static str, &str),
    types: &Btf,
) -> Result<&'e mut BtfTracePoint, DatapathError> {
    let program: &mut BtfTracePoint = ebpf
        .program_mut(name)
        .ok_or(DatapathError::Missing(name))?
        .try_into()
        .map_err(|source| refused(name, source))?;
    program.load(tracepoint, types).map_err(|source| refused(name, source))?;
    Ok(program)
}

fn refused(name: &'static str, source: ProgramError) -> DatapathError {
    DatapathError::Program { name, source: Box::new(source) }
}

fn map(name: &'static str, source: MapError) -> DatapathError {
    DatapathError::Map { name, source }
}
