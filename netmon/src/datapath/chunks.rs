//! Maps that grow: the values of endpoints are in chunks, each a per-CPU array, in an array of maps.

use aya::{
    Pod,
    maps::{ArrayOfMaps, MapData, MapError, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use netmon_ebpf::abi::{CHUNK_ENDPOINTS, MAX_CHUNKS, chunk_of, slot_of};
use netmon_model::names::EndpointId;

/// One value for each endpoint and CPU.
pub(super) struct Chunks<V: Pod> {
    outer: ArrayOfMaps<MapData, PerCpuArray<MapData, V>>,
    inner: Vec<PerCpuArray<MapData, V>>,
}

impl<V: Pod> Chunks<V> {
    /// Opens the existing chunks: none in a new map, and those of earlier agents in a pinned one.
    pub(super) fn open(outer: ArrayOfMaps<MapData, PerCpuArray<MapData, V>>) -> Result<Self, MapError> {
        let mut inner = Vec::new();
        for index in 0..MAX_CHUNKS {
            match outer.get(&index, 0) {
                Ok(chunk) => inner.push(chunk),
                Err(MapError::KeyNotFound) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Self { outer, inner })
    }

    /// Creates chunks until there is room for `endpoint` and every lower id.
    pub(super) fn reserve(&mut self, endpoint: EndpointId) -> Result<(), MapError> {
        while self.inner.len() <= chunk_of(endpoint.0) as usize {
            let index = self.inner.len() as u32;
            if index >= MAX_CHUNKS {
                return Err(MapError::OutOfBounds { index, max_entries: MAX_CHUNKS });
            }
            let chunk = PerCpuArray::create(CHUNK_ENDPOINTS, 0)?;
            self.outer.set(index, &chunk, 0)?;
            self.inner.push(chunk);
        }
        Ok(())
    }

    /// Returns the values of an endpoint, one for each CPU.
    pub(super) fn get(&self, endpoint: EndpointId) -> Result<PerCpuValues<V>, MapError> {
        self.inner
            .get(chunk_of(endpoint.0) as usize)
            .ok_or(MapError::KeyNotFound)?
            .get(&slot_of(endpoint.0), 0)
    }

    /// Sets the values of an endpoint on every CPU.
    pub(super) fn fill(&mut self, endpoint: EndpointId, value: V) -> Result<(), MapError> {
        let cpus = nr_cpus().map_err(|(_, error)| MapError::IoError(error))?;
        let values = PerCpuValues::try_from(vec![value; cpus]).map_err(MapError::IoError)?;
        self.inner.get_mut(chunk_of(endpoint.0) as usize).ok_or(MapError::KeyNotFound)?.set(
            slot_of(endpoint.0),
            values,
            0,
        )
    }

    /// Waits until no program runs that began before this call: the kernel waits for that when a map in an
    /// array of maps is replaced. Nothing changes.
    pub(super) fn await_programs(&mut self) -> Result<(), MapError> {
        self.inner.first().map_or(Ok(()), |first| self.outer.set(0, first, 0))
    }

    /// Returns the kernel memory of the chunks in bytes: endpoints x possible CPUs x value size.
    pub(super) fn bytes(&self) -> usize {
        self.inner.len() * CHUNK_ENDPOINTS as usize * nr_cpus().unwrap_or(1) * value_bytes::<V>()
    }
}

/// Returns the size of one CPU's value of one endpoint, which the kernel rounds up to words.
pub(super) const fn value_bytes<V>() -> usize {
    size_of::<V>().next_multiple_of(8)
}
