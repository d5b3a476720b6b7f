//! Errors and run times that the agent itself counts, in a map. If the map is pinned, the next agent resumes them.

use aya::{
    Ebpf,
    maps::{Array, MapData},
};
use netmon_ebpf::record::Tally;
use netmon_model::snapshot::ErrorKind;

use super::{Datapath, DatapathError, object::take};

/// Returns the tally of a kind of error.
fn tally_of(kind: ErrorKind) -> Tally {
    match kind {
        ErrorKind::Read => Tally::ReadErrors,
        ErrorKind::ChainPosition => Tally::OrderErrors,
        ErrorKind::Overtaken => Tally::Overtaken,
        ErrorKind::Audit => Tally::AuditErrors,
    }
}

impl Datapath {
    /// Counts netmon's own errors.
    ///
    /// # Errors
    ///
    /// Fails if the kernel refuses to read or write the map.
    pub fn count_errors(&mut self, kind: ErrorKind, times: u64) -> Result<(), DatapathError> {
        self.object.tallies.add(tally_of(kind), times)
    }

    /// Returns the errors so far, by kind.
    pub(super) fn errors(&self) -> Result<Vec<(ErrorKind, u64)>, DatapathError> {
        ErrorKind::ALL.into_iter().map(|kind| Ok((kind, self.object.tallies.get(tally_of(kind))?))).collect()
    }
}

const NAME: &str = "TALLIES";

/// One number for each [`Tally`].
pub(super) struct Tallies(Array<MapData, u64>);

impl Tallies {
    /// Takes the map out of the object.
    pub(super) fn from_ebpf(ebpf: &mut Ebpf) -> Result<Self, DatapathError> {
        Ok(Self(take(ebpf, NAME)?))
    }

    /// Returns the current value of a tally.
    pub(super) fn get(&self, tally: Tally) -> Result<u64, DatapathError> {
        self.0.get(&(tally as u32), 0).map_err(|source| DatapathError::Map { name: NAME, source })
    }

    /// Adds to a tally. The caller has exclusive use of the datapath.
    pub(super) fn add(&mut self, tally: Tally, more: u64) -> Result<(), DatapathError> {
        if more == 0 {
            return Ok(());
        }
        let sum = self.get(tally)?.wrapping_add(more);
        self.0.set(tally as u32, sum, 0).map_err(|source| DatapathError::Map { name: NAME, source })
    }
}
