//! Counting that goes on when the agent does not: maps and links are pinned, and the next agent goes on with them.
//!
//! Everything that has to outlive the agent lies in the lab's folder of pins, in maps: the counters themselves, what the
//! programs were set up with, which endpoint is in which slot, and what was worked out of the counters. So there is no
//! second place that could disagree, and an update is never half done. A folder is gone on with as a whole, or
//! replaced as a whole; an endpoint likewise.

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

/// A folder in which the object's maps are pinned, or are about to be.
pub(super) struct Opened {
    folder: PinDirectory,
    /// What was found there; none when it is new.
    settings: Option<Settings>,
}

impl Opened {
    /// Looks what is in the folder. What cannot be gone on with is removed, and said.
    pub(super) fn open(folder: PinDirectory) -> Result<Self, DatapathError> {
        file_system::ensure()?;
        if folder.exists() {
            match fit::settings(&folder) {
                Ok(settings) => return Ok(Self { folder, settings: Some(settings) }),
                Err(why) => {
                    log::warn!(
                        "{}: {why}; it is replaced, and counting begins anew",
                        folder.path().display()
                    );
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

    /// How the maps that are there were set up.
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// What is there is gone on with as it was set up, whatever is asked for now.
    pub(super) fn prevail(&self, options: &Options, features: &mut Features) {
        let Some(settings) = &self.settings else { return };
        let mode = if settings.clsact == 0 { AttachMode::Tcx } else { AttachMode::Clsact };
        if options.mode.is_some_and(|asked| asked != mode) {
            log::warn!(
                "programs stay attached by {}, as they are: --attach is for a lab without pins",
                mode.as_str()
            );
        }
        features.mode = mode;
        let sizes = Sizes::pinned(settings);
        if !sizes.are_of(options.flow_entries) {
            log::warn!(
                "the table of connections has room for {}, as it was made: --flow-entries is for a lab without pins",
                sizes.connections()
            );
        }
    }

    /// Has the loader take what is pinned, and pin what is not.
    pub(super) fn set(&self, loader: &mut EbpfLoader<'_>) {
        for (name, ..) in MAPS.into_iter().filter(|(name, ..)| *name != pins::SETTINGS) {
            loader.map_pin_path(name, self.folder.map(name));
        }
        // Memory is taken only for those that are used.
        for name in [ENDS, AUDITS] {
            loader.map_max_entries(name, CHUNK_ENDPOINTS * MAX_CHUNKS);
        }
    }
}

fn first(errors: Vec<PinError>) -> Result<(), PinError> {
    errors.into_iter().next().map_or(Ok(()), Err)
}

/// What is pinned, and what is known of it.
pub(super) struct Persistence {
    folder: PinDirectory,
    ends: HashMap<MapData, u32, EndRecord>,
    audits: HashMap<MapData, u32, AuditRecord>,
    /// Endpoints that an agent before us watched and that nobody asked for yet.
    found: BTreeMap<EndpointId, EndRecord>,
    /// Whether this agent made it all.
    is_new: bool,
}

impl Persistence {
    /// Goes on with what was opened. A folder that is new is whole from here on.
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
