//! How full the flow table is. Counting walks over its keys, one system call each, so it is done seldom.

use std::time::{Duration, Instant};

use aya::maps::{HashMap, MapData};
use netmon_ebpf::flow::{FlowKey, TcpFlow};

use crate::snapshot::FlowTable;

/// How long a count is good for.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// The latest count.
#[derive(Debug)]
pub(super) struct FlowCount {
    capacity: u32,
    counted: Option<(Instant, u64)>,
}

impl FlowCount {
    pub(super) fn new(capacity: u32) -> Self {
        Self { capacity, counted: None }
    }

    /// The state of the table, not older than ten seconds.
    pub(super) fn get(&mut self, table: &HashMap<MapData, FlowKey, TcpFlow>) -> FlowTable {
        let entries = match self.counted {
            Some((when, entries)) if when.elapsed() < GOOD_FOR => entries,
            _ => self.count(table),
        };
        FlowTable { entries, capacity: self.capacity.into() }
    }

    fn count(&mut self, table: &HashMap<MapData, FlowKey, TcpFlow>) -> u64 {
        // Keys that come and go while we walk may lead the walk back to the beginning: bound it.
        let entries = table.keys().take(self.capacity as usize).filter(Result::is_ok).count() as u64;
        self.counted = Some((Instant::now(), entries));
        entries
    }
}
