//! The eBPF object: compiled by `build.rs`, checked against this agent's ABI, loaded once.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, ArrayOfMaps, Map, MapData, MapError, PerCpuArray, ProgramArray},
    programs::SchedClassifier,
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
};

/// The object, aligned as the ELF reader wants it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/netmon-ebpf"));

/// The map that holds `NETMON_CLOCK_OFFSET`, the only variable of the programs.
pub(super) const CLOCK_OFFSET: &str = ".bss";

/// The loaded object: its maps by name, typed.
pub(super) struct Object {
    /// What the maps take.
    pub(super) meter: MapMeter,
    /// Keeps the programs, and whatever map is not named below.
    pub(super) ebpf: Ebpf,
    /// Holds the measuring programs for the dispatchers. The kernel empties it when its last descriptor is
    /// closed, whoever may still jump through it.
    pub(super) jump_table: OwnedFd,
    /// What every packet touches.
    pub(super) counters: Chunks<Counters>,
    /// What the ends of round trips touch.
    pub(super) round_trips: Chunks<RoundTrips>,
    /// Early exits by reason.
    pub(super) exits: PerCpuArray<MapData, u64>,
    /// `CLOCK_REALTIME` less `CLOCK_MONOTONIC`; taken by [`super::clock`].
    pub(super) clock_offset: Option<Array<MapData, u64>>,
    /// Packets that the kernel dropped; none where it does not tell.
    pub(super) drops: Option<Drops>,
    /// Why there are none of these.
    pub(super) no_drops: Option<String>,
    /// Conversations.
    pub(super) flow_tables: FlowTables,
    /// What the agent counts itself.
    pub(super) tallies: Tallies,
}

impl Object {
    /// Loads the object into the kernel, set up for its features. With a folder that was opened, its maps are those that
    /// are pinned there, or are pinned there now.
    pub(super) fn load(
        options: &Options,
        features: Features,
        opened: Option<Opened>,
    ) -> Result<(Self, Option<Persistence>), DatapathError> {
        let stamp = u8::from(features.packet_stamp);
        let sizes = match opened.as_ref().and_then(Opened::settings) {
            Some(settings) => Sizes::pinned(settings),
            None => Sizes::of(options.flow_entries),
        };
        let drop_types = DropTypes::look_up();
        let drop_offsets = drop_types.as_ref().map(|types| types.offsets).unwrap_or_default();
        let mut loader = EbpfLoader::new();
        sizes.set(&mut loader);
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
        let meter = MapMeter::of(&ebpf)?;
        // Somebody may jump to the programs as soon as they are in the table.
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
            flow_tables: FlowTables::of(&mut ebpf, sizes)?,
            tallies: Tallies::of(&mut ebpf)?,
            jump_table,
            ebpf,
        };
        Ok((object, persistence))
    }
}

/// Refuses an object whose keys and values mean something else than this agent thinks.
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
    Chunks::of(take::<ArrayOfMaps<MapData, _>>(ebpf, name)?)
        .map_err(|source| DatapathError::Map { name, source })
}

/// Drops are an extra: where the kernel does not tell of them, everything else works.
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

/// A table of programs, and a descriptor of it: the kernel empties it when its last one is closed, unless it is pinned.
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

/// Loads the programs and puts them into the table that the dispatchers jump through.
fn fill_jump_table(ebpf: &mut Ebpf) -> Result<OwnedFd, DatapathError> {
    let (mut table, descriptor) = take_table(ebpf, "JUMP_TABLE")?;
    for (index, name) in PROGRAMS.into_iter().enumerate() {
        load_program(ebpf, &mut table, name, index)?;
    }
    Ok(descriptor)
}

fn load_program(
    ebpf: &mut Ebpf,
    jump_table: &mut ProgramArray<MapData>,
    name: &'static str,
    index: usize,
) -> Result<(), DatapathError> {
    let refused = |source| DatapathError::Program { name, source: Box::new(source) };
    let program: &mut SchedClassifier =
        ebpf.program_mut(name).ok_or(DatapathError::Missing(name))?.try_into().map_err(refused)?;
    program.load().map_err(refused)?;
    let fd = program.fd().map_err(refused)?;
    jump_table.set(index as u32, fd, 0).map_err(|source| DatapathError::Map { name: "JUMP_TABLE", source })
}

impl Object {
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
