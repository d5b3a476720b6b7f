//! The source of readings, and what changes from one to the next.
//!
//! [`Live`] takes the readings that the server makes: it keeps the totals of the last few as [`Second`]s, from which rates
//! are computed, and what happened between each and the next as [`History`]. It makes no reading, and knows no client.

mod delta;
#[cfg(test)]
pub(crate) mod fake;
mod history;
mod pace;
mod rates;
mod second;
mod source;
mod totals;
mod traces;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netmon_model::snapshot::Snapshot;

pub(crate) use self::{
    delta::{DirectionDelta, EndDelta, LinkDelta},
    history::{History, LinkKey, Past},
    pace::{INTERVAL, Pace},
    rates::Rates,
    totals::{HookRates, HookTotals, LinkTotals, RoundTripTotals},
};
pub use self::{
    second::Second,
    source::{Readiness, SnapshotSource, SourceError},
    traces::Traces,
};

/// The totals of the last readings, and the history if one is kept.
pub(crate) struct Live {
    recent: Mutex<Recent>,
    history: Option<Mutex<History>>,
}

#[derive(Default)]
struct Recent {
    rates: Rates,
    /// The end of the last window. Not the newest of `rates`: requests may add to these.
    window_end: Option<Arc<Second>>,
}

/// What happened between two readings.
pub(crate) struct Window {
    /// Its length in nanoseconds.
    pub(crate) length_ns: u64,
    /// What happened on each link, in the order of the reading. `None` for a link that is new.
    pub(crate) links: Vec<Option<LinkDelta>>,
}

impl Live {
    /// Keeps a history of at most this many bytes. `None` keeps none.
    pub(crate) fn new(history_bytes: Option<usize>) -> Self {
        let history = history_bytes.map(|max_bytes| Mutex::new(History::new(max_bytes)));
        Self { recent: Mutex::default(), history }
    }

    /// Takes a reading, and returns the window that ends with it. `None` for the first one, and for one that is not newer
    /// than the last.
    pub(crate) fn push(&self, snapshot: &Snapshot) -> Option<Window> {
        let (previous, totals) = lock(&self.recent).push(snapshot)?;
        let length_ns = totals.monotonic_ns() - previous.monotonic_ns();
        let window = Window { length_ns, links: totals.since(&previous, snapshot) };
        if let Some(history) = &self.history {
            lock(history).push(snapshot, window.length_ns, &window.links);
        }
        Some(window)
    }

    /// Returns the start of the rates of a reading. Without a history nothing is read between requests, so the reading is
    /// kept as the start of the next one's.
    pub(crate) fn base(&self, snapshot: &Snapshot) -> Option<Arc<Second>> {
        let rates = &mut lock(&self.recent).rates;
        let base = rates.base(snapshot.monotonic_ns).cloned();
        let newest_ns = rates.newest().map_or(0, |newest| newest.monotonic_ns());
        let is_due = snapshot.monotonic_ns.saturating_sub(newest_ns) >= INTERVAL.as_nanos() as u64;
        if self.history.is_none() && is_due {
            rates.push(snapshot);
        }
        base
    }

    /// Returns the history. `None` if none is kept.
    pub(crate) fn history(&self) -> Option<MutexGuard<'_, History>> {
        self.history.as_ref().map(lock)
    }

    /// Returns the end of the last window, nanoseconds (`CLOCK_MONOTONIC`). 0 before the first reading.
    pub(crate) fn window_end_ns(&self) -> u64 {
        lock(&self.recent).window_end.as_ref().map_or(0, |end| end.monotonic_ns())
    }
}

impl Recent {
    /// Returns the totals at the start and at the end of the window that ends with this reading.
    fn push(&mut self, snapshot: &Snapshot) -> Option<(Arc<Second>, Arc<Second>)> {
        let is_newer = |than: &Arc<Second>| snapshot.monotonic_ns > than.monotonic_ns();
        if !self.window_end.as_ref().is_none_or(is_newer) {
            return None;
        }
        let totals = if self.rates.newest().is_none_or(is_newer) {
            self.rates.push(snapshot)
        } else {
            Arc::new(Second::new(snapshot, &Second::default()))
        };
        Some((self.window_end.replace(Arc::clone(&totals))?, totals))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
