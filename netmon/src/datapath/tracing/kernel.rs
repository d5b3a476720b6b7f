//! What the tracing programs need of the running kernel: its types, with the offsets of the fields that are read.

use aya::EbpfLoader;
use netmon_ebpf::tracing::FIELDS;

use super::{
    super::{DatapathError, kernel_types::KernelTypes},
    loaded::TracingDepth,
};

/// Sets of departures: 16,384 packets that are under way at once, in 512 KiB.
const DEPARTURE_SETS: u32 = 4096;
/// Watched interfaces. Memory is allocated only for entries that are used.
const WATCHED_INTERFACES: u32 = super::super::memory::MAX_ENDPOINTS;

/// The settings of the tracing programs.
pub(in crate::datapath) struct Settings {
    /// The offset of each field, by the variable that holds it.
    offsets: Vec<(&'static str, u32)>,
    departure_mask: u32,
    count_only: u8,
}

impl Settings {
    /// Looks up the kernel's types.
    pub(in crate::datapath) fn look_up(depth: TracingDepth) -> Result<Self, DatapathError> {
        let count_only = u8::from(depth == TracingDepth::Count);
        // No departure is looked up if packets are only counted.
        let departure_mask = if count_only == 0 { DEPARTURE_SETS - 1 } else { 0 };
        offsets()
            .map(|offsets| Self { offsets, departure_mask, count_only })
            .map_err(DatapathError::NoTracing)
    }

    /// Configures the loader of the object.
    pub(in crate::datapath) fn set<'a>(&'a self, loader: &mut EbpfLoader<'a>) {
        for (variable, offset) in &self.offsets {
            loader.override_global(variable, offset, true);
        }
        loader
            .override_global("NETMON_DEPARTURE_MASK", &self.departure_mask, true)
            .override_global("NETMON_COUNT_ONLY", &self.count_only, true)
            .map_max_entries("DEPARTURES", self.departure_mask + 1)
            .map_max_entries("WATCHED", WATCHED_INTERFACES);
    }
}

fn offsets() -> Result<Vec<(&'static str, u32)>, String> {
    let types = KernelTypes::read().map_err(|error| format!("cannot read the kernel's types: {error}"))?;
    let offset = |field: &netmon_ebpf::tracing::Field| {
        let missing = || format!("the kernel has no {}.{}", field.structure, field.field);
        Ok((field.variable, types.offset_of(field.structure, field.field).ok_or_else(missing)?))
    };
    FIELDS.iter().map(offset).collect()
}

/// Returns why the kernel's types do not allow measuring by tracing. `None` if they do.
pub(in crate::datapath) fn missing_for_tracing() -> Option<String> {
    offsets().err()
}
