//! When the topology has changed: each different one has a number.

use std::sync::{Mutex, PoisonError};

use crate::api::Topology;

/// The newest topology, and when it was read.
#[derive(Debug, Default)]
pub(super) struct Generations(Mutex<Option<(u64, Topology)>>);

impl Generations {
    /// Sets the generation of a topology that was read at `monotonic_ns`.
    pub(super) fn number(&self, monotonic_ns: u64, topology: &mut Topology) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((read_ns, known)) = newest.as_mut() else {
            *newest = Some((monotonic_ns, topology.clone()));
            return;
        };
        topology.generation = known.generation;
        // A reading that took longer than a newer one changes nothing.
        if monotonic_ns < *read_ns {
            return;
        }
        *read_ns = monotonic_ns;
        if !topology.is_same_as(known) {
            topology.generation += 1;
            *known = topology.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::{fixtures, impairment::Impairment, snapshot::ImpairmentStats};

    use super::*;
    use crate::api::Agent;

    #[test]
    fn whatever_changes_but_numbers_is_another_generation() {
        let generations = Generations::default();
        let number = |snapshot: &_| {
            let mut topology = Topology::of(snapshot, &Agent::default(), None);
            generations.number(snapshot.monotonic_ns, &mut topology);
            topology.generation
        };
        let mut snapshot = fixtures::direct();
        assert_eq!(number(&snapshot), 1);
        let earlier = snapshot.clone();
        snapshot.monotonic_ns += 1;
        snapshot.links[0].a.hooks.egress.segments += 1;
        snapshot.probes[0].failures += 1;
        assert_eq!(number(&snapshot), 1, "numbers are in the rates");
        snapshot.links[0].a.up = false;
        assert_eq!(number(&snapshot), 2);
        assert_eq!(number(&earlier), 2, "a late reading is not a change back");
        assert_eq!(number(&snapshot), 2);
        let impairment = Impairment { loss: "1%".parse().ok(), ..Impairment::default() };
        let stats = ImpairmentStats { impairment, sent_segments: 0, lost_segments: None };
        snapshot.links[0].b_to_a.impairment = Some(stats);
        assert_eq!(number(&snapshot), 3);
        snapshot.links[0].b_to_a.impairment = Some(ImpairmentStats { sent_segments: 9, ..stats });
        assert_eq!(number(&snapshot), 3);
        snapshot.probes[0].success = Some(false);
        assert_eq!(number(&snapshot), 4);
        snapshot.links[0].a.hooks.ingress.attached = None;
        assert_eq!(number(&snapshot), 5);
        snapshot.links.clear();
        assert_eq!(number(&snapshot), 6);
    }
}
