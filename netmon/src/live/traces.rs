//! The newest traces. They are not part of a snapshot, which holds counts and states only.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use netmon_model::trace::Trace;

/// How many traces are kept.
const KEPT: usize = 16;

/// The traces that were handed to the agent.
#[derive(Debug, Default)]
pub struct Traces(Mutex<VecDeque<Trace>>);

impl Traces {
    /// Keeps a trace, and forgets the oldest one if there are too many.
    pub fn add(&self, trace: Trace) {
        let mut traces = self.lock();
        traces.push_front(trace);
        traces.truncate(KEPT);
    }

    /// Returns the traces, newest first.
    #[must_use]
    pub fn newest(&self) -> Vec<Trace> {
        self.lock().iter().cloned().collect()
    }

    /// Locks despite a panic of another holder: every trace in the list is complete.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Trace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    #[test]
    fn the_newest_traces_are_kept_and_come_first() {
        let traces = Traces::default();
        for number in 0..20 {
            traces.add(Trace { taken_at_unix_ms: number, ..fixtures::trace() });
        }
        let taken: Vec<u64> = traces.newest().iter().map(|trace| trace.taken_at_unix_ms).collect();
        assert_eq!(taken, (4..20).rev().collect::<Vec<_>>());
    }
}
