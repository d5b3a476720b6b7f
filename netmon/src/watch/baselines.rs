//! The counts at the moment when an impairment was declared, so that measurements can be compared with the declaration,
//! also after it was changed.

use std::collections::HashMap;

use netmon_model::{impairment::Impairment, names::EndpointId, snapshot::ImpairmentStats};

use crate::datapath::EndpointCounts;

/// The impairments, by the endpoint that packets leave through.
#[derive(Debug, Default)]
pub(super) struct Baselines(HashMap<EndpointId, Baseline>);

/// An impairment, and the counts when it was declared.
#[derive(Clone, Copy, Debug)]
struct Baseline {
    impairment: Impairment,
    sent_segments: u64,
    lost_segments: u64,
}

impl Baselines {
    /// Declares an impairment at an endpoint. If it is in force already, it keeps its baseline. `now` has the counts of the
    /// others; those of a new endpoint are zero.
    pub(super) fn declare(&mut self, id: EndpointId, impairment: Impairment, now: Option<&EndpointCounts>) {
        if impairment.is_none() {
            self.0.remove(&id);
            return;
        }
        if self.0.get(&id).is_some_and(|known| known.impairment == impairment) {
            return;
        }
        let (sent_segments, lost_segments) = now.map(counted).unwrap_or_default();
        self.0.insert(id, Baseline { impairment, sent_segments, lost_segments });
    }

    /// Returns whether exactly this impairment is in force at an endpoint.
    pub(super) fn has(&self, id: EndpointId, impairment: Impairment) -> bool {
        self.0.get(&id).map_or(impairment.is_none(), |known| known.impairment == impairment)
    }

    /// Returns whether no impairment is in force.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets an endpoint.
    pub(super) fn remove(&mut self, id: EndpointId) {
        self.0.remove(&id);
    }

    /// Returns the counts since the impairment was declared; `None` without one.
    pub(super) fn stats(&self, id: EndpointId, now: &EndpointCounts) -> Option<ImpairmentStats> {
        let baseline = self.0.get(&id)?;
        let (sent, lost) = counted(now);
        Some(ImpairmentStats {
            impairment: baseline.impairment,
            sent_segments: sent.saturating_sub(baseline.sent_segments),
            lost_segments: now.departures.as_ref().map(|_| lost.saturating_sub(baseline.lost_segments)),
        })
    }
}

/// Segments that left an endpoint, and those of them that were lost.
fn counted(counts: &EndpointCounts) -> (u64, u64) {
    let lost = counts.departures.as_ref().map_or(0, |departures| departures.lost_segments);
    (counts.hooks.egress.segments, lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datapath::Departures;

    const ID: EndpointId = EndpointId(3);

    fn lossy(loss: &str) -> Impairment {
        Impairment { loss: loss.parse().ok(), ..Impairment::default() }
    }

    fn after(segments: u64, lost_segments: u64) -> EndpointCounts {
        let mut counts = EndpointCounts::default();
        counts.hooks.egress.segments = segments;
        counts.departures = Some(Departures { lost_segments, ..Departures::default() });
        counts
    }

    #[test]
    fn counts_begin_with_the_impairment_and_go_on_while_it_stays() {
        let mut baselines = Baselines::default();
        baselines.declare(ID, lossy("1%"), Some(&after(1000, 5)));
        baselines.declare(ID, lossy("1%"), Some(&after(1100, 6)));
        let stats = baselines.stats(ID, &after(1200, 8)).unwrap();
        assert_eq!((stats.sent_segments, stats.lost_segments), (200, Some(3)));
        assert_eq!(baselines.stats(EndpointId(4), &after(1200, 8)), None);
    }

    #[test]
    fn another_impairment_begins_anew_and_none_has_no_stats() {
        let mut baselines = Baselines::default();
        baselines.declare(ID, lossy("1%"), Some(&after(1000, 5)));
        baselines.declare(ID, lossy("2%"), Some(&after(1200, 8)));
        assert_eq!(baselines.stats(ID, &after(1200, 8)).unwrap().sent_segments, 0);
        assert!(baselines.has(ID, lossy("2%")) && !baselines.has(ID, lossy("1%")));
        baselines.declare(ID, Impairment::default(), None);
        assert_eq!(baselines.stats(ID, &after(1200, 8)), None);
        assert!(baselines.has(ID, Impairment::default()));
    }

    #[test]
    fn without_stamps_the_losses_are_not_known() {
        let mut baselines = Baselines::default();
        baselines.declare(ID, lossy("1%"), None);
        let unstamped = EndpointCounts { departures: None, ..after(10, 0) };
        let stats = baselines.stats(ID, &unstamped).unwrap();
        assert_eq!((stats.sent_segments, stats.lost_segments), (10, None));
    }
}
