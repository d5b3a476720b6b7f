//! Counting that outlives the agent: maps and links are pinned, and the next agent reuses them.
//!
//! All state that has to outlive the agent is in maps in the lab's pin directory: the counters themselves, the settings
//! of the programs, the slot of each endpoint, and the totals derived from the counters. So there is no second place
//! that could disagree, and an update is never half done. A directory is reused as a whole or replaced as a whole, and
//! so is an endpoint.

mod adopt;
mod fit;
mod records;

use std::{
    collections::BTreeMap,
    os::fd::{AsFd as _, BorrowedFd},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, MapData},
};
use netmon_ebpf::{
    ABI_VERSION,
    abi::{CHUNK_ENDPOINTS, MAX_CHUNKS},
    record::{AuditRecord, EndRecord, Settings},
};
use netmon_kernel::{
    pins::{self, PinDirectory, PinError, file_system},
    sys::bpf_pins,
};
use netmon_model::{
    names::EndpointId,
    snapshot::{AttachMode, Features},
};

use self::fit::MAPS;
pub(super) use self::records::Stage;
use super::{DatapathError, Options, flow_tables::Sizes, object::take};

const ENDS: &str = "ENDS";
const AUDITS: &str = "AUDITS";

/// A directory in which the object's maps are pinned, or are about to be.
pub(super) struct Opened {
    folder: PinDirectory,
    /// The settings of the maps that are pinned there. `None` if the directory is new.
    settings: Option<Settings>,
}

impl Opened {
    /// Opens a pin directory. Contents that this version cannot use are removed, with a warning.
    pub(super) fn open(folder: PinDirectory) -> Result<Self, DatapathError> {
        file_system::ensure()?;
        folder.require_usable()?;
        if folder.exists() {
            match fit::settings(&folder) {
                Ok(settings) => return Ok(Self { folder, settings: Some(settings) }),
                Err(why) => {
                    log::warn!("replacing {}: {why}; counters restart from zero", folder.path().display());
                    first(folder.remove())?;
                }
            }
        }
        folder.make()?;
        let path = folder.map(pins::ABI);
        let mark = bpf_pins::make_array(pins::ABI, ABI_VERSION).and_then(|map| bpf_pins::pin(map, &path));
        mark.map_err(|source| PinError::failed("pin", &path, source))?;
        Ok(Self { folder, settings: None })
    }

    pub(super) fn folder(&self) -> &PinDirectory {
        &self.folder
    }

    /// Returns the settings of the pinned maps. `None` if the directory is new.
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// Applies the settings of the pinned maps to `features`, and warns if the options ask for others.
    pub(super) fn prevail(&self, options: &Options, features: &mut Features) {
        let Some(settings) = &self.settings else { return };
        let mode = if settings.clsact == 0 { AttachMode::Tcx } else { AttachMode::Clsact };
        if options.mode.is_some_and(|asked| asked != mode) {
            log::warn!(
                "programs stay attached with {}: --attach applies only to a lab without pins",
                mode.as_str()
            );
        }
        features.mode = mode;
        let sizes = Sizes::pinned(settings);
        if !sizes.are_of(options.flow_entries, options.udp_flows) {
            log::warn!(
                "the table of connections keeps its {} entries and that of UDP its {}: --flow-entries and --udp-flows \
                 apply only to a lab without pins",
                sizes.connections(),
                sizes.conversations()
            );
        }
    }

    /// Configures the loader to use the pinned maps, and to pin those that are not.
    pub(super) fn set(&self, loader: &mut EbpfLoader<'_>) {
        for (name, ..) in MAPS.into_iter().filter(|(name, ..)| *name != pins::SETTINGS) {
            loader.map_pin_path(name, self.folder.map(name));
        }
        // Memory is allocated only for entries that are used.
        for name in [ENDS, AUDITS] {
            loader.map_max_entries(name, CHUNK_ENDPOINTS * MAX_CHUNKS);
        }
    }
}

fn first(errors: Vec<PinError>) -> Result<(), PinError> {
    errors.into_iter().next().map_or(Ok(()), Err)
}

/// The pinned state.
pub(super) struct Persistence {
    folder: PinDirectory,
    ends: HashMap<MapData, u32, EndRecord>,
    audits: HashMap<MapData, u32, AuditRecord>,
    /// Recorded endpoints of an earlier agent that no target has claimed yet.
    found: BTreeMap<EndpointId, EndRecord>,
    /// Whether this agent created the directory.
    is_new: bool,
}

impl Persistence {
    /// Loads the pinned state. Completes a new directory by pinning its settings.
    pub(super) fn begin(opened: Opened, settings: Settings, ebpf: &mut Ebpf) -> Result<Self, DatapathError> {
        let Opened { folder, settings: found } = opened;
        if found.is_none() {
            let name = pins::SETTINGS;
            let map = ebpf.take_map(name).ok_or(DatapathError::Missing(name))?;
            let fd = fd_of(&map, name)?.try_clone_to_owned().map_err(|error| map_error(name, error))?;
            let mut map = Array::try_from(map).map_err(|source| DatapathError::Map { name, source })?;
            let settings = Settings { root_cookie: folder.root().0, ..settings };
            map.set(0, settings, 0).map_err(|source| DatapathError::Map { name, source })?;
            let path = folder.map(name);
            bpf_pins::pin(fd, &path).map_err(|source| PinError::failed("pin", &path, source))?;
        }
        let mut persistence = Self {
            is_new: found.is_none(),
            folder,
            ends: take(ebpf, ENDS)?,
            audits: take(ebpf, AUDITS)?,
            found: BTreeMap::new(),
        };
        persistence.found = persistence.recorded()?;
        Ok(persistence)
    }

    pub(super) fn folder(&self) -> &PinDirectory {
        &self.folder
    }

    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }
}

fn fd_of<'a>(map: &'a aya::maps::Map, name: &'static str) -> Result<BorrowedFd<'a>, DatapathError> {
    match map {
        aya::maps::Map::Array(data) => Ok(data.fd().as_fd()),
        _ => Err(DatapathError::Missing(name)),
    }
}

fn map_error(name: &'static str, error: std::io::Error) -> DatapathError {
    DatapathError::Map { name, source: aya::maps::MapError::IoError(error) }
}
