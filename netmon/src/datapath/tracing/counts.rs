//! Reads the counts of endpoints that are measured by tracing.

use std::collections::HashMap;

use netmon_model::{
    by::Hooks,
    names::{Direction, EndpointId},
    snapshot::{AttachMode, LatencyParts},
};

use super::{
    super::{
        Datapath, DatapathError,
        clock::monotonic_ns,
        closed_epochs::Epoch,
        counts::{EndpointCounts, Values, departures, endpoint_counts},
        sums,
    },
    loaded::TracingDepth,
};

/// The queue of a traced endpoint is not read, since its namespace is not entered. A packet that left this many epochs ago
/// (4.3 s) and has not arrived is lost, even if nothing that left later has arrived.
const QUIET_SETTLE_EPOCHS: u64 = 32;

impl Datapath {
    /// Adds the counts of all traced endpoints.
    pub(in crate::datapath) fn read_traced(
        &mut self,
        counts: &mut HashMap<EndpointId, Box<EndpointCounts>>,
    ) -> Result<(), DatapathError> {
        for pair in self.traced_pairs() {
            self.read_traced_pair(&pair, counts)?;
        }
        Ok(())
    }

    /// Returns the endpoints that are read together: both ends of a link, or one without a peer.
    fn traced_pairs(&self) -> Vec<Vec<EndpointId>> {
        let peer = |id: &EndpointId| {
            let peer = self.traced.get(id)?.peer?;
            (self.traced.get(&peer)?.peer == Some(*id)).then_some(peer)
        };
        let is_first = |id: &&EndpointId| peer(id).is_none_or(|peer| **id < peer);
        self.traced.keys().filter(is_first).map(|id| std::iter::once(*id).chain(peer(id)).collect()).collect()
    }

    fn read_traced_pair(
        &mut self,
        pair: &[EndpointId],
        counts: &mut HashMap<EndpointId, Box<EndpointCounts>>,
    ) -> Result<(), DatapathError> {
        let Some(tracing) = &self.object.tracing else { return Ok(()) };
        let mode = match tracing.depth() {
            TracingDepth::Full => AttachMode::Tracing,
            TracingDepth::Count => AttachMode::Count,
        };
        let before_ns = monotonic_ns();
        let values: Vec<Values> = pair.iter().map(|id| self.object.values(*id)).collect::<Result<_, _>>()?;
        let read = (before_ns, monotonic_ns());
        let crossings =
            pair.iter().map(|id| tracing.crossings(*id)).collect::<Result<Vec<_>, DatapathError>>()?;
        let compared = |at: usize, hook: Direction| {
            let mut epochs = sums::epochs(&values[at].counters, sums::index_of(hook));
            let before = pair.get(at).and_then(|id| Some(&self.traced.get(id)?.compared_before[hook]));
            epochs
                .iter_mut()
                .zip(before.into_iter().flatten())
                .for_each(|(now, before)| *now = now.wrapping_sub(*before));
            epochs
        };
        let epochs: Vec<_> = (0..pair.len()).map(|at| Hooks::from_fn(|hook| compared(at, hook))).collect();
        for (at, id) in pair.iter().enumerate() {
            let Some(endpoint) = self.traced.get_mut(id) else { continue };
            let peer = values.get(1 - at).filter(|_| pair.len() == 2);
            let departures = peer.map(|peer| {
                let (mut departures, reading) = departures(
                    read,
                    (&mut endpoint.lost, 0),
                    [epochs[at].egress, epochs[1 - at].ingress],
                    peer,
                );
                if let Some(reading) = reading {
                    endpoint.lost.update(&reading, is_settled);
                    departures.lost_segments = endpoint.lost.total();
                }
                let crossing = sums::histogram(&crossings[1 - at], |value| &value.crossing);
                let queue = sums::histogram(&crossings[at], |value| &value.queue);
                departures.parts = Some(LatencyParts { queue, crossing });
                departures
            });
            let unanswered = (&mut endpoint.echoes_unanswered, &mut endpoint.dns_unanswered);
            let mut read = endpoint_counts(read, Some(mode), unanswered, &values[at], departures);
            read.unjoined_packets = crossings[at].iter().map(|value| value.unjoined).sum();
            counts.insert(*id, Box::new(read));
        }
        Ok(())
    }
}

fn is_settled(epoch: Epoch) -> bool {
    epoch.age >= QUIET_SETTLE_EPOCHS
}
