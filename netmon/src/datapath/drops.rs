//! Packets that the kernel dropped on the endpoints, by its drop reason.
//!
//! Absent if the kernel does not expose its types (`CONFIG_DEBUG_INFO_BTF`) or has no drop reasons (before Linux 5.17).
//! There is no metric then, rather than one that is always zero.

use std::{
    collections::HashMap as Table,
    ffi::CStr,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use aya::{
    Ebpf,
    maps::{HashMap, MapData, MapError, PerCpuHashMap},
    programs::RawTracePoint,
};
use netmon_ebpf::drops::{DECLARED_LOSS, DropKey, DropOffsets, DropPlace};
use netmon_kernel::sys::{
    bpf_info::program_by_id,
    bpf_pins::{LinkPlace, link, pin, pinned},
    raw_tracepoint,
};
use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId},
};

use super::{
    DatapathError, dispatcher,
    error::gone,
    kernel_types::KernelTypes,
    object::{take, take_table},
};

const PROGRAM: &str = "netmon_drop";
const TABLE: &str = "DROP_TABLE";
const TRACEPOINT: &CStr = c"kfree_skb";
/// The prefix of the kernel's enumerators. `dropwatch` and `perf` show the rest, too.
const PREFIX: &str = "SKB_DROP_REASON_";

/// The reasons of drops by a program at a hook.
const AT_HOOK: Hooks<&[&str]> = Hooks { ingress: &["TC_INGRESS"], egress: &["TC_EGRESS", ON_PURPOSE] };
/// The reason of a drop by netmon's own program, for a declared loss.
const ON_PURPOSE: &str = "NETMON_LOSS";

/// The kernel's types that are needed before the object is loaded.
pub(super) struct DropTypes {
    pub(super) offsets: DropOffsets,
    reasons: Table<u32, String>,
}

impl DropTypes {
    /// Looks up field offsets and drop reasons. The error states what this kernel lacks.
    pub(super) fn look_up() -> Result<Self, String> {
        let types =
            KernelTypes::read().map_err(|error| format!("cannot read the kernel's types: {error}"))?;
        let offset = |structure: &str, field: &str| {
            types.offset_of(structure, field).ok_or_else(|| format!("the kernel has no {structure}.{field}"))
        };
        let offsets = DropOffsets {
            skb_dev: offset("sk_buff", "dev")?,
            skb_mark: offset("sk_buff", "mark")?,
            dev_ifindex: offset("net_device", "ifindex")?,
            dev_net: offset("net_device", "nd_net")?,
            net_cookie: offset("net", "net_cookie")?,
        };
        let mut reasons = reasons(&types);
        if reasons.is_empty() {
            return Err("the kernel has no drop reasons (needs Linux 5.17)".to_owned());
        }
        reasons.insert(DECLARED_LOSS, ON_PURPOSE.to_owned());
        Ok(Self { offsets, reasons })
    }
}

/// Returns the names of the kernel's drop reasons, without their prefix. Empty before Linux 5.17.
pub(crate) fn reasons(types: &KernelTypes) -> Table<u32, String> {
    let named = |(value, name): (u32, String)| Some((value, name.strip_prefix(PREFIX)?.to_owned()));
    types.enumerators("skb_drop_reason").into_iter().filter_map(named).collect()
}

/// The tables of drops.
pub(super) struct Drops {
    places: HashMap<MapData, DropPlace, u32>,
    counts: PerCpuHashMap<MapData, DropKey, u64>,
    reasons: Table<u32, String>,
    /// The program at the tracepoint, which jumps to the counting program.
    dispatcher: OwnedFd,
    /// The kernel empties the table when it is neither open nor pinned.
    _table: OwnedFd,
    _link: OwnedFd,
}

impl Drops {
    /// Starts counting, or replaces the program that counts already. `link_pin` is the path at which the tracepoint's link
    /// is pinned, or is to be. Without one, dropping this detaches from the tracepoint.
    pub(super) fn start(
        ebpf: &mut Ebpf,
        types: DropTypes,
        link_pin: Option<&Path>,
    ) -> Result<Self, DatapathError> {
        let refused = |source| DatapathError::Program { name: PROGRAM, source: Box::new(source) };
        let (mut programs, table) = take_table(ebpf, TABLE)?;
        let program: &mut RawTracePoint =
            ebpf.program_mut(PROGRAM).ok_or(DatapathError::Missing(PROGRAM))?.try_into().map_err(refused)?;
        program.load().map_err(refused)?;
        let fd = program.fd().map_err(refused)?;
        programs.set(0, fd, 0).map_err(|source| DatapathError::Map { name: TABLE, source })?;
        let (link, dispatcher) = match link_pin.and_then(attached) {
            Some(there) => there,
            None => attach(table.as_fd(), link_pin).map_err(DatapathError::Tracepoint)?,
        };
        Ok(Self {
            places: take(ebpf, "DROP_PLACES")?,
            counts: take(ebpf, "DROPS")?,
            reasons: types.reasons,
            dispatcher,
            _table: table,
            _link: link,
        })
    }

    /// Returns the program that the kernel calls and accounts run time to.
    pub(super) fn dispatcher(&self) -> &OwnedFd {
        &self.dispatcher
    }

    /// Starts counting drops on an endpoint.
    pub(super) fn add(&mut self, id: EndpointId, place: DropPlace) -> Result<(), DatapathError> {
        self.places.insert(place, id.0, 0).map_err(places)
    }

    /// Stops counting drops on an endpoint, and removes its counts.
    pub(super) fn remove(&mut self, id: EndpointId, place: DropPlace) -> Result<(), DatapathError> {
        gone(self.places.remove(&place)).map_err(places)?;
        let old: Vec<DropKey> =
            self.counts.keys().filter_map(Result::ok).filter(|key| key.endpoint == id.0).collect();
        old.iter().try_for_each(|key| gone(self.counts.remove(key))).map_err(counts)
    }

    /// Returns the packets that programs at a hook of an endpoint dropped.
    pub(super) fn at_hook(&self, id: EndpointId, hook: Direction) -> Result<u64, DatapathError> {
        let reasons = self.reasons.iter().filter(|(_, name)| AT_HOOK[hook].contains(&name.as_str()));
        let dropped = |reason| match self.counts.get(&DropKey { endpoint: id.0, reason }, 0) {
            Ok(values) => Ok(values.iter().sum()),
            Err(MapError::KeyNotFound) => Ok(0),
            Err(source) => Err(counts(source)),
        };
        reasons.map(|(&reason, _)| dropped(reason)).sum()
    }

    /// Returns the drops so far by endpoint and reason, sorted by the reasons' names.
    pub(super) fn read(&self) -> Result<Table<EndpointId, Vec<(String, u64)>>, DatapathError> {
        let mut drops: Table<EndpointId, Vec<(String, u64)>> = Table::new();
        for entry in &self.counts {
            let (key, values) = entry.map_err(counts)?;
            let reason =
                self.reasons.get(&key.reason).cloned().unwrap_or_else(|| format!("REASON_{}", key.reason));
            drops.entry(EndpointId(key.endpoint)).or_default().push((reason, values.iter().sum()));
        }
        for reasons in drops.values_mut() {
            reasons.sort();
        }
        Ok(drops)
    }
}

/// Returns the pinned link of the tracepoint and its program. `None` if there is none that can be used.
fn attached(pin: &Path) -> Option<(OwnedFd, OwnedFd)> {
    let open = pinned(pin).ok()?;
    let there = link(&open).ok().filter(|there| there.place == LinkPlace::Tracepoint)?;
    Some((open, program_by_id(there.program).ok()?))
}

fn attach(table: BorrowedFd<'_>, link_pin: Option<&Path>) -> io::Result<(OwnedFd, OwnedFd)> {
    let program = dispatcher::load_for_drops(table)?;
    let link = raw_tracepoint::attach(program.as_fd(), TRACEPOINT)?;
    if let Some(path) = link_pin {
        // The path may hold an unusable object.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => pin(&link, path)?,
        }
    }
    Ok((link, program))
}

fn places(source: MapError) -> DatapathError {
    DatapathError::Map { name: "DROP_PLACES", source }
}

fn counts(source: MapError) -> DatapathError {
    DatapathError::Map { name: "DROPS", source }
}
