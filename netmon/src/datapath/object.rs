//! The eBPF object: made by `cargo xtask ebpf`, checked against this agent's ABI, loaded once.

use std::{
    num::NonZero,
    os::fd::{AsFd as _, OwnedFd},
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, ArrayOfMaps, Map, MapData, MapError, PerCpuArray, ProgramArray},
    programs::{Program, SchedClassifier},
};
use netmon_ebpf::{
    ABI_VERSION,
    abi::PROGRAMS,
    endpoint::{Counters, RoundTrips},
    record::Settings,
};
use netmon_model::{
    error::chain,
    names::EndpointId,
    snapshot::{AttachMode, Features},
};

use super::{
    DatapathError, Options,
    chunks::Chunks,
    clock,
    drops::{DropTypes, Drops},
    flow_tables::{FlowTables, Sizes},
    map_use::MapMeter,
    persistence::{Opened, Persistence},
    tallies::Tallies,
    tracing::{MAPS as TRACING_MAPS, Settings as TracingSettings, Tracing},
};

/// The object, with the alignment that the ELF reader needs.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/object/netmon-ebpf.o"));

/// The map of `NETMON_CLOCK_OFFSET`, the programs' only variable.
pub(super) const CLOCK_OFFSET: &str = ".bss";

/// The loaded object, with typed maps.
pub(super) struct Object {
    /// Measures the memory and the fill of the maps.
    pub(super) meter: MapMeter,
    /// Holds the programs, and every map that is not named below.
    pub(super) ebpf: Ebpf,
    /// The measuring programs, to which the dispatchers jump. The kernel empties the table when its last descriptor is
    /// closed, even if dispatchers still jump through it.
    pub(super) jump_table: OwnedFd,
    /// The values that every packet updates.
    pub(super) counters: Chunks<Counters>,
    /// The values that the ends of round trips update.
    pub(super) round_trips: Chunks<RoundTrips>,
    /// Early ends of parsing, by reason.
    pub(super) exits: PerCpuArray<MapData, u64>,
    /// `CLOCK_REALTIME` less `CLOCK_MONOTONIC`. Taken by [`super::clock`].
    pub(super) clock_offset: Option<Array<MapData, u64>>,
    /// Packets that the kernel dropped. `None` if this kernel reports no reasons.
    pub(super) drops: Option<Drops>,
    /// Why `drops` is `None`.
    pub(super) no_drops: Option<String>,
    /// Connections and requests.
    pub(super) flow_tables: FlowTables,
    /// The agent's own counters.
    pub(super) tallies: Tallies,
    /// The tracing programs. `None` if they are not loaded.
    pub(super) tracing: Option<Tracing>,
}

impl Object {
    /// Loads the object into the kernel, configured for its features. With an opened directory, uses the maps that are
    /// pinned there, and pins the others there.
    pub(super) fn load(
        options: &Options,
        features: Features,
        opened: Option<Opened>,
    ) -> Result<(Self, Option<Persistence>), DatapathError> {
        let stamp = u8::from(features.packet_stamp);
        let sizes = match opened.as_ref().and_then(Opened::settings) {
            Some(settings) => Sizes::pinned(settings),
            None => Sizes::for_entries(options.flow_entries, options.udp_flows),
        };
        let drop_types = DropTypes::look_up();
        let drop_offsets = drop_types.as_ref().map(|types| types.offsets).unwrap_or_default();
        let tracing = options.tracing.map(TracingSettings::look_up).transpose()?;
        let mut loader = EbpfLoader::new();
        sizes.set(&mut loader);
        if let Some(tracing) = &tracing {
            tracing.set(&mut loader);
        }
        if let Some(opened) = &opened {
            opened.set(&mut loader);
        }
        let mut ebpf = loader
            .override_global("NETMON_STAMP", &stamp, true)
            .override_global("NETMON_DROP_OFFSETS", &drop_offsets, true)
            .override_global(aya_log::LEVEL, &options.log_level, true)
            .load(OBJECT)
            .map_err(|source| DatapathError::Load(Box::new(source)))?;
        check_abi(&mut ebpf)?;
        let meter = MapMeter::from_ebpf(&ebpf, |map| tracing.is_some() || !TRACING_MAPS.contains(&map))?;
        // Set the offset first: pinned dispatchers may jump to the programs as soon as they are in the table.
        let mut clock_offset = take(&mut ebpf, CLOCK_OFFSET)?;
        clock::set(&mut clock_offset).map_err(DatapathError::Clock)?;
        let jump_table = fill_jump_table(&mut ebpf)?;
        let (drops, no_drops) = match start_drops(&mut ebpf, drop_types, opened.as_ref()) {
            Ok(drops) => (Some(drops), None),
            Err(missing) => (None, Some(missing)),
        };
        let settings =
            Settings { clsact: u32::from(features.mode == AttachMode::Clsact), ..sizes.settings() };
        let persistence = opened.map(|opened| Persistence::begin(opened, settings, &mut ebpf)).transpose()?;
        let object = Self {
            meter,
            counters: chunks(&mut ebpf, "COUNTERS")?,
            round_trips: chunks(&mut ebpf, "ROUND_TRIPS")?,
            exits: take(&mut ebpf, "EXITS_BY_REASON")?,
            clock_offset: Some(clock_offset),
            drops,
            no_drops,
            flow_tables: FlowTables::from_ebpf(&mut ebpf, sizes)?,
            tallies: Tallies::from_ebpf(&mut ebpf)?,
            jump_table,
            tracing: options.tracing.map(|depth| Tracing::start(&mut ebpf, depth)).transpose()?,
            ebpf,
        };
        Ok((object, persistence))
    }
}

/// Refuses an object whose keys and values have another layout than this agent's.
fn check_abi(ebpf: &mut Ebpf) -> Result<(), DatapathError> {
    let version = take::<Array<MapData, u32>>(ebpf, "NETMON_ABI")?.len();
    if version == ABI_VERSION { Ok(()) } else { Err(DatapathError::Abi { version }) }
}

pub(super) fn take<T>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, DatapathError>
where
    T: TryFrom<Map, Error = MapError>,
{
    let map = ebpf.take_map(name).ok_or(DatapathError::Missing(name))?;
    T::try_from(map).map_err(|source| DatapathError::Map { name, source })
}

fn chunks<V: Pod>(ebpf: &mut Ebpf, name: &'static str) -> Result<Chunks<V>, DatapathError> {
    Chunks::open(take::<ArrayOfMaps<MapData, _>>(ebpf, name)?)
        .map_err(|source| DatapathError::Map { name, source })
}

/// Starts counting drops, which are optional: everything else works without them.
fn start_drops(
    ebpf: &mut Ebpf,
    types: Result<DropTypes, String>,
    opened: Option<&Opened>,
) -> Result<Drops, String> {
    let pin = opened.map(|opened| opened.folder().drops());
    let start = |types| Drops::start(ebpf, types, pin.as_deref()).map_err(|error| chain(&error));
    let started = types.and_then(start);
    started.inspect_err(|missing| log::warn!("no drops by reason (netmon_drops_total): {missing}"))
}

/// Takes a table of programs out of the object, with a descriptor of it. The kernel empties an unpinned table when its
/// last descriptor is closed.
pub(super) fn take_table(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<(ProgramArray<MapData>, OwnedFd), DatapathError> {
    let map = ebpf.take_map(name).ok_or(DatapathError::Missing(name))?;
    let Map::ProgramArray(data) = &map else { return Err(DatapathError::Missing(name)) };
    let refused = |error| DatapathError::Map { name, source: MapError::IoError(error) };
    let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(refused)?;
    let table = ProgramArray::try_from(map).map_err(|source| DatapathError::Map { name, source })?;
    Ok((table, descriptor))
}

/// Loads the programs into the table that the dispatchers jump through.
fn fill_jump_table(ebpf: &mut Ebpf) -> Result<OwnedFd, DatapathError> {
    let (mut table, descriptor) = take_table(ebpf, "JUMP_TABLE")?;
    load_programs(ebpf)?;
    for (index, name) in PROGRAMS.into_iter().enumerate() {
        let refused = |source| DatapathError::Program { name, source: Box::new(source) };
        let program = ebpf.program(name).ok_or(DatapathError::Missing(name))?;
        let program: &SchedClassifier = program.try_into().map_err(refused)?;
        let fd = program.fd().map_err(refused)?;
        let refused = |source| DatapathError::Map { name: "JUMP_TABLE", source };
        table.set(index as u32, fd, 0).map_err(refused)?;
    }
    Ok(descriptor)
}

/// Loads the measuring programs on all processors at once: most of a start is the kernel's verifier, which checks each
/// program by itself.
fn load_programs(ebpf: &mut Ebpf) -> Result<(), DatapathError> {
    let ours = |(found, program)| Some((PROGRAMS.into_iter().find(|name| *name == found)?, program));
    let waiting: Vec<(&'static str, &mut Program)> = ebpf.programs_mut().filter_map(ours).collect();
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let load_until_none = || {
        while let Some((name, program)) = next() {
            load_program(name, program)?;
        }
        Ok(())
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get).min(PROGRAMS.len());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(load_until_none)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn load_program(name: &'static str, program: &mut Program) -> Result<(), DatapathError> {
    let refused = |source| DatapathError::Program { name, source: Box::new(source) };
    let program: &mut SchedClassifier = program.try_into().map_err(refused)?;
    program.load().map_err(refused)
}

impl Object {
    /// Makes room for the values of an endpoint.
    pub(super) fn reserve(&mut self, id: EndpointId) -> Result<(), DatapathError> {
        let refused = |source| DatapathError::Map { name: "COUNTERS", source };
        self.counters.reserve(id).map_err(refused)?;
        self.round_trips.reserve(id).map_err(refused)
    }

    /// Sets an endpoint's values to zero on every CPU.
    pub(super) fn clear(&mut self, id: EndpointId) -> Result<(), DatapathError> {
        self.counters
            .fill(id, Counters::ZERO)
            .map_err(|source| DatapathError::Map { name: "COUNTERS", source })?;
        self.round_trips
            .fill(id, RoundTrips::ZERO)
            .map_err(|source| DatapathError::Map { name: "ROUND_TRIPS", source })
    }
}
