//! The cost of measuring, as plain data: time in the eBPF programs, memory and fill of their maps.

use serde::Serialize;

/// The cost of measuring since the start of the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Runs of the programs. `None` if the kernel does not record run times, which itself costs time.
    pub programs: Option<Vec<ProgramRuns>>,
    /// The maps, sorted by name.
    pub maps: Vec<MapUse>,
}

/// How often a program ran, and for how long, including the programs that it called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgramRuns {
    /// Its name in the kernel.
    pub program: &'static str,
    /// Runs.
    pub runs: u64,
    /// Nanoseconds in all runs.
    pub run_ns: u64,
}

/// The memory and the fill of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MapUse {
    /// Its name in the kernel.
    pub map: String,
    /// Bytes of memory.
    pub bytes: u64,
    /// How full it is. `None` for a map whose entries all exist from the beginning.
    pub fill: Option<Fill>,
}

/// How full a map is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Entries.
    pub entries: u64,
    /// The maximum number of entries.
    pub max_entries: u64,
}
