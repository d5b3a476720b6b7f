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
/// Maximum number of seconds in the ring: a window has one more than intervals, and samples may be a little early.
const CAPACITY: usize = (WINDOW.as_secs() / INTERVAL.as_secs()) as usize + 2;
/// Readings take at most one part in this many of the time: with very many links, samples become rarer.
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
    /// Samples with `reader` until the returned future is dropped.
    ///
    /// It does so without subscribers, too: a single request for `/api/v1/links` is answered with the rates of the
    /// seconds before it.
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

    /// Returns a receiver of the newest second, which is an empty one before the first sample.
    ///
    /// The channel holds one value: a slow subscriber skips to the newest second and delays no other.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Second>> {
        self.newest.subscribe()
    }

    /// Returns the oldest second within the window that ends at `now_ns`: the start of its rates.
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use netmon_model::fixtures;

    use super::*;

    /// A source of readings that counts them, and fails or takes time.
    #[derive(Default)]
    struct Fake {
        readings: AtomicUsize,
        failures: usize,
        duration: Duration,
    }

    impl SnapshotReader for Fake {
        type Error = std::io::Error;

        async fn read(&self) -> Result<Arc<Snapshot>, Self::Error> {
            tokio::time::sleep(self.duration).await;
            let number = self.readings.fetch_add(1, Ordering::Relaxed);
            if number < self.failures {
                return Err(Self::Error::other("operation not permitted"));
            }
            Ok(Arc::new(snapshot_at(Duration::from_secs(number as u64))))
        }
    }

    fn snapshot_at(time: Duration) -> Snapshot {
        Snapshot { monotonic_ns: time.as_nanos() as u64, ..fixtures::direct() }
    }

    /// Samples for a while of virtual time, and returns the number of readings.
    async fn sample_for(time: Duration, rates: &Rates, reader: &Fake) -> usize {
        tokio::time::timeout(time, rates.sample(reader)).await.expect_err("sampling has no end");
        reader.readings.load(Ordering::Relaxed)
    }

    #[test]
    fn the_ring_is_bounded_by_time_and_by_number() {
        let rates = Rates::default();
        for second in 0..100 {
            rates.push(&snapshot_at(Duration::from_secs(second)));
        }
        assert_eq!(rates.ring.lock().unwrap().len(), 6);
        let base = |ms: u64| rates.base(ms * 1_000_000).map(|base| base.monotonic_ns() / 1_000_000_000);
        assert_eq!([base(99_300), base(99_700), base(104_500)], [Some(94), Some(95), Some(99)]);
        assert_eq!(base(104_501), None, "the newest is too old");
        for ms in 0..1000 {
            rates.push(&snapshot_at(Duration::from_millis(100_000 + ms)));
        }
        assert_eq!(rates.ring.lock().unwrap().len(), CAPACITY);
    }

    #[tokio::test]
    async fn a_slow_subscriber_skips_to_the_newest_second() {
        let rates = Rates::default();
        let mut subscriber = rates.subscribe();
        assert_eq!(subscriber.borrow().monotonic_ns(), 0);
        for second in 1..=3 {
            rates.push(&snapshot_at(Duration::from_secs(second)));
        }
        subscriber.changed().await.unwrap();
        assert_eq!(subscriber.borrow_and_update().monotonic_ns(), 3_000_000_000);
        assert!(!subscriber.has_changed().unwrap(), "one value, not a queue");
    }

    #[tokio::test(start_paused = true)]
    async fn subscribers_cost_no_readings() {
        let (alone, watched) = (Rates::default(), Rates::default());
        let subscribers: Vec<_> = (0..100).map(|_| watched.subscribe()).collect();
        let time = Duration::from_millis(10_500);
        assert_eq!(sample_for(time, &alone, &Fake::default()).await, 11);
        assert_eq!(sample_for(time, &watched, &Fake::default()).await, 11);
        assert!(subscribers.iter().all(|subscriber| subscriber.borrow().monotonic_ns() == 10_000_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_readings_become_rarer() {
        let reader = Fake { duration: Duration::from_millis(200), ..Fake::default() };
        let readings = sample_for(Duration::from_secs(39), &Rates::default(), &reader).await;
        assert_eq!(readings, 10, "each takes a twentieth of the time");
    }

    #[tokio::test(start_paused = true)]
    async fn failed_readings_are_skipped() {
        let rates = Rates::default();
        let mut subscriber = rates.subscribe();
        let reader = Fake { failures: 3, ..Fake::default() };
        assert_eq!(sample_for(Duration::from_millis(2500), &rates, &reader).await, 3);
        assert!(rates.base(0).is_none() && !subscriber.has_changed().unwrap());
        assert_eq!(sample_for(Duration::from_millis(500), &rates, &reader).await, 4);
        subscriber.changed().await.unwrap();
        assert_eq!(subscriber.borrow().monotonic_ns(), 3_000_000_000);
    }
}
