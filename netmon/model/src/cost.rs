//! What measuring itself costs, as plain data: time in the programs, memory and fill of their maps.

use serde::Serialize;

/// What measuring costs, from the start of the agent on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Runs of the programs; none while the kernel does not keep the time, which itself costs time.
    pub programs: Option<Vec<ProgramRuns>>,
    /// The maps, in the order of their names.
    pub maps: Vec<MapUse>,
}

/// How often a program ran, and for how long. What it handed the packet on to is part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgramRuns {
    /// The name that the kernel shows.
    pub program: &'static str,
    /// Runs.
    pub runs: u64,
    /// Nanoseconds in all of them.
    pub run_ns: u64,
}

/// What one map takes and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MapUse {
    /// The name that the kernel shows.
    pub map: String,
    /// Bytes of memory.
    pub bytes: u64,
    /// How full it is; none for a map whose entries are all there from the beginning.
    pub fill: Option<Fill>,
}

/// How full a map is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Entries.
    pub entries: u64,
    /// The most that it takes.
    pub max_entries: u64,
}
