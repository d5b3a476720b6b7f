//! What the agent counts itself, in a map: so that it goes on where the map is pinned.

use aya::{
    Ebpf,
    maps::{Array, MapData},
};
use netmon_ebpf::record::Tally;

use super::{Datapath, DatapathError, object::take};

/// A failure of netmon itself, which is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The maps could not be read.
    Read,
    /// The order of programs on hooks could not be told.
    Order,
    /// An audit failed.
    Audit,
}

impl Failure {
    fn tally(self) -> Tally {
        match self {
            Self::Read => Tally::ReadErrors,
            Self::Order => Tally::OrderErrors,
            Self::Audit => Tally::AuditErrors,
        }
    }
}

/// The kinds of failure as metrics call them.
const KINDS: [(&str, Tally); 4] = [
    ("read", Tally::ReadErrors),
    ("order", Tally::OrderErrors),
    ("overtaken", Tally::Overtaken),
    ("audit", Tally::AuditErrors),
];

impl Datapath {
    /// Counts failures.
    ///
    /// # Errors
    ///
    /// When the kernel does not take the number.
    pub fn note(&mut self, failure: Failure, times: u64) -> Result<(), DatapathError> {
        self.object.tallies.add(failure.tally(), times)
    }

    /// Failures so far, by kind.
    pub(super) fn failures(&self) -> Result<Vec<(&'static str, u64)>, DatapathError> {
        KINDS.into_iter().map(|(kind, tally)| Ok((kind, self.object.tallies.get(tally)?))).collect()
    }
}

const NAME: &str = "TALLIES";

/// One number for each [`Tally`].
pub(super) struct Tallies(Array<MapData, u64>);

impl Tallies {
    /// Takes the map out of the object.
    pub(super) fn of(ebpf: &mut Ebpf) -> Result<Self, DatapathError> {
        Ok(Self(take(ebpf, NAME)?))
    }

    /// As it stands.
    pub(super) fn get(&self, tally: Tally) -> Result<u64, DatapathError> {
        self.0.get(&(tally as u32), 0).map_err(|source| DatapathError::Map { name: NAME, source })
    }

    /// Adds to it; the caller is alone with the datapath.
    pub(super) fn add(&mut self, tally: Tally, more: u64) -> Result<(), DatapathError> {
        if more == 0 {
            return Ok(());
        }
        let sum = self.get(tally)?.wrapping_add(more);
        self.0.set(tally as u32, sum, 0).map_err(|source| DatapathError::Map { name: NAME, source })
    }
}
