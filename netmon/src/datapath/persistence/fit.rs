//! Checks whether this agent can use pinned maps.

use std::{io, path::Path};

use aya::maps::{Array, Map, MapData};
use netmon_ebpf::{
    ABI_VERSION,
    drops::{DropKey, DropPlace},
    flow::{Flow, FlowSet},
    record::{AuditRecord, EndRecord, Settings},
    requests::RequestSet,
    udp::UdpFlow,
};
use netmon_kernel::{
    pins::{self, PinDirectory},
    sys::{bpf_info::map_name, bpf_pins::pinned},
};
use netmon_model::error::chain;

const WORD: usize = size_of::<u32>();
const COUNT: usize = size_of::<u64>();

/// Every pinned map, with the sizes of its keys and values in bytes.
pub(super) const MAPS: [(&str, usize, usize); 18] = [
    (pins::ABI, WORD, WORD),
    (pins::SETTINGS, WORD, size_of::<Settings>()),
    ("JUMP_TABLE", WORD, WORD),
    ("DROP_TABLE", WORD, WORD),
    ("ENDS", WORD, size_of::<EndRecord>()),
    ("AUDITS", WORD, size_of::<AuditRecord>()),
    ("TALLIES", WORD, COUNT),
    ("COUNTERS", WORD, WORD),
    ("ROUND_TRIPS", WORD, WORD),
    ("EXITS_BY_REASON", WORD, COUNT),
    ("FLOW_SETS", WORD, size_of::<FlowSet>()),
    ("TCP_FLOWS", WORD, size_of::<Flow>()),
    ("REQUESTS", WORD, size_of::<RequestSet>()),
    ("UDP_SETS", WORD, size_of::<FlowSet>()),
    ("UDP_FLOWS", WORD, size_of::<UdpFlow>()),
    ("EVICTED", WORD, COUNT),
    ("DROP_PLACES", size_of::<DropPlace>(), WORD),
    ("DROPS", size_of::<DropKey>(), COUNT),
];

/// Returns the settings of the maps in a directory. The error states why they cannot be used.
pub(super) fn settings(folder: &PinDirectory) -> Result<Settings, String> {
    let version = match MapData::from_pin(folder.map(pins::ABI)).and_then(|map| map.info()) {
        Ok(info) => info.max_entries(),
        Err(_) => return Err("it is incomplete".to_owned()),
    };
    if version != ABI_VERSION {
        return Err(format!("its maps have ABI version {version}, and this netmon uses {ABI_VERSION}"));
    }
    if !folder.map(pins::SETTINGS).exists() {
        return Err("the process that created it ended before it was complete".to_owned());
    }
    for (name, key, value) in MAPS {
        let path = folder.map(name);
        is_map(&path, name, key, value).map_err(|why| format!("map {name} in it: {why}"))?;
    }
    read(folder).map_err(|error| format!("its settings: {}", chain(&error)))
}

fn is_map(path: &Path, name: &str, key: usize, value: usize) -> Result<(), String> {
    let asked = |path: &Path| -> io::Result<(String, u32, u32)> {
        let called = map_name(pinned(path)?)?;
        let info = MapData::from_pin(path).and_then(|map| map.info()).map_err(io::Error::other)?;
        Ok((called, info.key_size(), info.value_size()))
    };
    let (called, key_bytes, value_bytes) = asked(path).map_err(|error| error.to_string())?;
    // The kernel stores fifteen bytes of a name.
    let expected = &name[..name.len().min(15)];
    if called != expected || (key_bytes as usize, value_bytes as usize) != (key, value) {
        return Err(format!(
            "it is another map, {called:?} with keys of {key_bytes} and values of {value_bytes} bytes"
        ));
    }
    Ok(())
}

fn read(folder: &PinDirectory) -> Result<Settings, aya::maps::MapError> {
    let map = Map::Array(MapData::from_pin(folder.map(pins::SETTINGS))?);
    Array::<_, Settings>::try_from(map)?.get(&0, 0)
}
