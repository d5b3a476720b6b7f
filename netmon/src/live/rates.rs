//! The sampler of rates: a bounded ring of the last few seconds, and a channel with the newest.

use std::{
    collections::VecDeque,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use netmon_model::{error::chain, snapshot::Snapshot};
use tokio::{sync::watch, time::Instant};

use super::Second;

/// How far back the rates of a single request look.
const WINDOW: Duration = Duration::from_secs(5);
/// Time from one sample to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Seconds that are kept: a window has one more than intervals, and two samples may be a little closer than that.
const CAPACITY: usize = (WINDOW.as_secs() / INTERVAL.as_secs()) as usize + 2;
/// A reading takes at most this fraction of the time between two: with very many links, samples become rarer.
const MAX_SHARE: u32 = 20;

/// Makes the readings that are sampled.
pub(crate) trait SnapshotReader {
    /// Why a reading failed.
    type Error: Error + 'static;

    /// Reads every counter now.
    fn read(&self) -> impl Future<Output = Result<Arc<Snapshot>, Self::Error>> + Send;
}

/// The last few seconds, sampled once a second.
pub struct Rates {
    /// Oldest first.
    ring: Mutex<VecDeque<Arc<Second>>>,
    newest: watch::Sender<Arc<Second>>,
}

impl Default for Rates {
    fn default() -> Self {
        let ring = Mutex::new(VecDeque::with_capacity(CAPACITY));
        Self { ring, newest: watch::Sender::new(Arc::default()) }
    }
}

impl Rates {
    /// Samples with `reader` for as long as the returned future is polled, whether or not there is a subscriber: a single
    /// request of `/api/v1/links` is answered with the rates of the seconds before it.
    pub(crate) async fn sample(&self, reader: &impl SnapshotReader) {
        let mut is_failing = false;
        loop {
            let start = Instant::now();
            match reader.read().await {
                Ok(snapshot) => {
                    self.push(&snapshot);
                    is_failing = false;
                }
                Err(error) if !is_failing => {
                    is_failing = true;
                    log::warn!("rates are not available until a reading succeeds: {}", chain(&error));
                }
                Err(_) => {}
            }
            let duration = start.elapsed();
            tokio::time::sleep(INTERVAL.max(duration * MAX_SHARE).saturating_sub(duration)).await;
        }
    }

    /// Returns a receiver of the newest second. It holds one value, so that a slow subscriber skips to the newest second
    /// and delays no other. Before the first sample, that is an empty second.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Second>> {
        self.newest.subscribe()
    }

    /// Returns the oldest second within the window that ends at `now_ns`: the one to compute rates from.
    pub(crate) fn base(&self, now_ns: u64) -> Option<Arc<Second>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().find(|second| is_within_window(second, now_ns)).cloned()
    }

    fn push(&self, snapshot: &Snapshot) {
        let second = Arc::new(Second::new(snapshot, &self.newest.borrow()));
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.retain(|old| is_within_window(old, snapshot.monotonic_ns));
        if ring.len() == CAPACITY {
            ring.pop_front();
        }
        ring.push_back(Arc::clone(&second));
        drop(ring);
        self.newest.send_replace(second);
    }
}

fn is_within_window(second: &Second, now_ns: u64) -> bool {
    // With half an interval of grace, so that a late sample does not shorten the window by a whole interval.
    let oldest_ns = now_ns.saturating_sub((WINDOW + INTERVAL / 2).as_nanos() as u64);
    second.monotonic_ns() >= oldest_ns
}
