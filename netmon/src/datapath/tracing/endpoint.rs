//! The endpoints that are measured by tracing: watched, joined with their peers, and forgotten.

use std::collections::{BTreeMap, btree_map::Entry};

use netmon_ebpf::{
    epoch::{ANSWER_EPOCH_SHIFT, ANSWER_EPOCHS, LOSS_EPOCH_SHIFT, LOSS_EPOCHS},
    record::Known,
    tracing::Watched,
};
use netmon_model::{
    by::Hooks,
    names::{EndpointId, InterfaceId},
};

use super::{
    super::{
        Datapath, DatapathError,
        clock::monotonic_ns,
        closed_epochs::ClosedEpochs,
        endpoint::drop_place,
        sums::{self, index_of},
    },
    loaded::{Tracing, TracingDepth, number},
};

/// Both ends of a link are watched this long before their counts are compared.
const BEFORE_COMPARED_NS: u64 = 5_000_000;

/// An interface to measure by tracing. Its namespace is not entered, and not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracedTarget {
    /// The slot of its counters, which no other endpoint uses.
    pub id: EndpointId,
    /// The interface.
    pub at: InterfaceId,
    /// The other end of its link. `None` if it is not known, or not watched by tracing.
    pub peer: Option<EndpointId>,
}

/// All endpoints that are measured by tracing.
pub(in crate::datapath) type TracedEndpoints = BTreeMap<EndpointId, TracedEndpoint>;

/// An endpoint that is measured by tracing, with the totals derived from its counters.
pub(in crate::datapath) struct TracedEndpoint {
    pub(super) at: InterfaceId,
    pub(super) peer: Option<EndpointId>,
    /// The segments by epoch, as counted with an earlier peer.
    pub(super) compared_before: Hooks<[u32; LOSS_EPOCHS]>,
    /// Segments that left here and did not arrive at the peer.
    pub(super) lost: ClosedEpochs<LOSS_EPOCHS>,
    /// Echo requests that passed here and were not answered.
    pub(super) echoes_unanswered: ClosedEpochs<ANSWER_EPOCHS>,
    /// DNS queries that passed here and were not answered.
    pub(super) dns_unanswered: ClosedEpochs<ANSWER_EPOCHS>,
}

impl TracedEndpoint {
    fn new(at: InterfaceId) -> Self {
        Self {
            at,
            peer: None,
            compared_before: Hooks::from_fn(|_| [0; LOSS_EPOCHS]),
            lost: ClosedEpochs::new(LOSS_EPOCH_SHIFT),
            echoes_unanswered: ClosedEpochs::new(ANSWER_EPOCH_SHIFT),
            dns_unanswered: ClosedEpochs::new(ANSWER_EPOCH_SHIFT),
        }
    }
}

impl Datapath {
    /// Measures these interfaces by tracing from now on. One that is measured already keeps its counters, and may have
    /// another peer than before. Both ends of a link must be given together, or latency and loss are not measured. After
    /// an error, none of the new ones is measured.
    ///
    /// # Errors
    ///
    /// Fails if [`super::super::Options::tracing`] was not set, or the kernel refuses to change a map.
    pub fn watch(&mut self, targets: &[TracedTarget]) -> Result<(), DatapathError> {
        if targets.is_empty() {
            return Ok(());
        }
        let new: Vec<EndpointId> =
            targets.iter().map(|target| target.id).filter(|id| !self.traced.contains_key(id)).collect();
        self.enter(targets).inspect_err(|_| {
            // The first error is the one to report.
            self.unwatch(&new);
        })
    }

    fn enter(&mut self, targets: &[TracedTarget]) -> Result<(), DatapathError> {
        for target in targets {
            if let Entry::Vacant(free) = self.traced.entry(target.id) {
                // Entered first, so that it is undone after an error.
                free.insert(TracedEndpoint::new(target.at));
                self.reserve_traced(target)?;
            }
        }
        let parted: Vec<EndpointId> =
            targets.iter().filter(|new| self.has_peer_other_than(new)).map(|new| new.id).collect();
        self.part(&parted)?;
        let compared_from_ns = monotonic_ns() + BEFORE_COMPARED_NS;
        for target in targets {
            let tracing = self.tracing()?;
            // Packets that are only counted are not followed from one end to the other.
            let known_peer = target.peer.filter(|_| tracing.depth() == TracingDepth::Full);
            let (endpoint, peer) = (target.id.0, number(known_peer));
            tracing.enter(drop_place(target.at), Watched { endpoint, peer, compared_from_ns })?;
            if let Some(endpoint) = self.traced.get_mut(&target.id) {
                endpoint.peer = known_peer;
            }
        }
        self.tracing()?.next_generation()
    }

    fn has_peer_other_than(&self, target: &TracedTarget) -> bool {
        let peer = self.traced.get(&target.id).and_then(|known| known.peer);
        peer.is_some() && peer != target.peer
    }

    /// Takes its peer from each of these endpoints. What left for it, and what arrived from it, is compared no more.
    fn part(&mut self, ids: &[EndpointId]) -> Result<(), DatapathError> {
        if ids.is_empty() {
            return Ok(());
        }
        for id in ids {
            let Some(endpoint) = self.traced.get_mut(id) else { continue };
            endpoint.peer = None;
            let (place, alone) = (drop_place(endpoint.at), Watched { endpoint: id.0, ..Watched::NOT });
            self.tracing()?.enter(place, alone)?;
        }
        self.tracing()?.next_generation()?;
        self.tracing()?.await_programs()?;
        for id in ids {
            let values = self.object.values(*id)?;
            let Some(endpoint) = self.traced.get_mut(id) else { continue };
            endpoint.compared_before = Hooks::from_fn(|hook| sums::epochs(&values.counters, index_of(hook)));
            endpoint.lost.restore(&Known::NOTHING);
        }
        Ok(())
    }

    fn reserve_traced(&mut self, target: &TracedTarget) -> Result<(), DatapathError> {
        self.tracing()?.reserve(target.id)?;
        self.object.reserve(target.id)?;
        // Pinned maps may have the counts of an endpoint that was found by an agent that was killed.
        if self.persistence.is_some() {
            self.object.clear(target.id)?;
        }
        match &mut self.object.drops {
            Some(drops) => drops.add(target.id, drop_place(target.at)),
            None => Ok(()),
        }
    }

    /// Stops measuring these endpoints, and clears their counters, so that the next ones there start at zero. Their peers
    /// are measured as ends without one. Continues after an error, and returns all errors.
    pub fn unwatch(&mut self, ids: &[EndpointId]) -> Vec<DatapathError> {
        let going: Vec<_> = ids.iter().filter_map(|id| Some((*id, self.traced.remove(id)?))).collect();
        if going.is_empty() {
            return Vec::new();
        }
        let mut errors = Vec::new();
        for (id, endpoint) in &going {
            let place = drop_place(endpoint.at);
            errors.extend(self.tracing().and_then(|tracing| tracing.remove(place, *id)).err());
            let drops = self.object.drops.as_mut();
            errors.extend(drops.and_then(|drops| drops.remove(*id, place).err()));
        }
        errors.extend(self.part(&self.left_by(&going)).err());
        let ended = self.tracing().and_then(|tracing| {
            tracing.next_generation()?;
            tracing.await_programs()
        });
        errors.extend(ended.err());
        for (id, _) in &going {
            errors.extend(self.tracing().and_then(|tracing| tracing.clear(*id)).err());
            errors.extend(self.object.clear(*id).err());
        }
        errors
    }

    /// Returns whether an endpoint is measured by tracing.
    #[must_use]
    pub fn is_traced(&self, id: EndpointId) -> bool {
        self.traced.contains_key(&id)
    }

    /// Returns the endpoints whose peer is among those that go.
    fn left_by(&self, going: &[(EndpointId, TracedEndpoint)]) -> Vec<EndpointId> {
        let peers = going.iter().filter_map(|(id, endpoint)| Some((*id, endpoint.peer?)));
        let is_left = |(id, peer): &(EndpointId, EndpointId)| {
            self.traced.get(peer).is_some_and(|other| other.peer == Some(*id))
        };
        peers.filter(is_left).map(|(_, peer)| peer).collect()
    }

    fn tracing(&mut self) -> Result<&mut Tracing, DatapathError> {
        let unset = || DatapathError::NoTracing("the programs were not loaded".to_owned());
        self.object.tracing.as_mut().ok_or_else(unset)
    }
}
