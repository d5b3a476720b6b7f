//! The one reading a second that serves the rates, the history and every stream.
//!
//! With clients, each second is read and encoded once, and all clients share the bytes. The channel holds the newest
//! second only: a slow client skips to it and delays no other. Without clients, readings are as rare as their cost requires
//! ([`Pace`]), and without a history either there are none.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use netmon_compare::recording::Totals;
use netmon_model::{error::chain, snapshot::Snapshot};
use tokio::{sync::watch, task::spawn_blocking, time::Instant};

use super::{
    generations::Generations,
    processor_time,
    readings::{ReadError, Reading, Readings},
};
use crate::{
    api::{self, Agent, Event, HistoryUse, Topology, Window},
    live::{LinkKey, Live, Pace, Past},
};

/// A window is at least this long. The first client causes a reading at once, which may be shortly after the last.
const SHORTEST: Duration = Duration::from_millis(500);
/// About as many bytes of the history are encoded at once.
const PIECE_BYTES: usize = 64 << 10;

/// What was read last, encoded for all clients.
pub(super) struct Published {
    pub(super) topology: Topology,
    /// The links in the order of the topology.
    links: Vec<LinkKey>,
    /// The end of the window, monotonic.
    pub(super) end_ns: u64,
    /// The `rates` event. `None` before the second reading.
    pub(super) rates: Option<Bytes>,
    text: OnceLock<Bytes>,
}

/// Reads, and hands out what was read.
pub(super) struct Feed {
    readings: Arc<Readings>,
    pub(super) live: Live,
    agent: Agent,
    generations: Generations,
    pace: Mutex<Pace>,
    /// The number of clients.
    clients: watch::Sender<usize>,
    /// `None` while there is no client.
    newest: watch::Sender<Option<Arc<Published>>>,
    is_failing: AtomicBool,
}

/// A client, until it is dropped.
pub(super) struct Client(Arc<Feed>);

impl Drop for Client {
    fn drop(&mut self) {
        self.0.clients.send_modify(|clients| *clients -= 1);
    }
}

impl Feed {
    /// Keeps a history of at most this many bytes. `None` keeps none.
    pub(super) fn new(readings: Arc<Readings>, history_bytes: Option<usize>) -> Self {
        Self {
            readings,
            live: Live::new(history_bytes),
            agent: Agent::of_this_version(SystemTime::now()),
            generations: Generations::default(),
            pace: Mutex::default(),
            clients: watch::Sender::new(0),
            newest: watch::Sender::new(None),
            is_failing: AtomicBool::new(false),
        }
    }

    /// Adds a client, which receives what is published from now on, and what was published last if that is recent.
    pub(super) fn join(self: &Arc<Self>) -> (Client, watch::Receiver<Option<Arc<Published>>>) {
        let newest = self.newest.subscribe();
        self.clients.send_modify(|clients| *clients += 1);
        (Client(Arc::clone(self)), newest)
    }

    /// Reads until the returned future is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let mut clients = self.clients.subscribe();
        loop {
            if self.live.history().is_none() {
                let _ = clients.wait_for(|clients| *clients > 0).await;
            }
            let start = Instant::now();
            self.read().await;
            self.rest(start, &mut clients).await;
        }
    }

    async fn read(self: &Arc<Self>) {
        let result = self.try_read().await;
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Ok(cost) => self.pace.lock().unwrap_or_else(PoisonError::into_inner).record(cost),
            Err(error) if !was_failing => {
                log::warn!("rates are not available until a reading succeeds: {}", chain(&error));
            }
            Err(_) => {}
        }
    }

    /// Returns the processor time that it took.
    async fn try_read(self: &Arc<Self>) -> Result<Duration, ReadError> {
        let Reading { snapshot, cost, .. } = self.readings.fresh().await?;
        let feed = Arc::clone(self);
        let ((), taken) = spawn_blocking(move || processor_time::of(|| feed.take(&snapshot))).await?;
        Ok(cost + taken)
    }

    /// Waits for the next reading: until the interval is over, or the first client comes.
    async fn rest(&self, start: Instant, clients: &mut watch::Receiver<usize>) {
        let mut had_clients = true;
        loop {
            let has_clients = *clients.borrow_and_update() > 0;
            if has_clients && !had_clients {
                return;
            }
            if !has_clients {
                // It would be old when the next client comes.
                self.newest.send_replace(None);
            }
            had_clients = has_clients;
            tokio::select! {
                () = tokio::time::sleep_until(start + self.interval(has_clients)) => return,
                _ = clients.changed() => {}
            }
        }
    }

    fn interval(&self, has_clients: bool) -> Duration {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).interval(has_clients)
    }

    /// Takes a reading, and publishes it if there are clients.
    pub(super) fn take(&self, snapshot: &Snapshot) {
        let since = Duration::from_nanos(snapshot.monotonic_ns.saturating_sub(self.live.window_end_ns()));
        let window = if since < SHORTEST { None } else { self.live.push(snapshot) };
        if *self.clients.borrow() == 0 {
            return;
        }
        let topology = self.topology(snapshot);
        let rates =
            window.map(|window| encode(&Event::Rates(Window::of(snapshot, topology.generation, &window))));
        let links = snapshot.links.iter().map(LinkKey::from).collect();
        let end_ns = self.live.window_end_ns();
        let published = Published { topology, links, end_ns, rates, text: OnceLock::new() };
        self.newest.send_replace(Some(Arc::new(published)));
    }

    /// Returns the topology in a reading, with the state of the services now and its generation. It may block.
    pub(super) fn topology(&self, snapshot: &Snapshot) -> Topology {
        let history = self.live.history().map(|history| HistoryUse::of(&history, self.interval(false)));
        let mut topology = Topology::of(snapshot, &self.agent, history);
        topology.services = self.readings.services();
        self.generations.number(snapshot.monotonic_ns, &mut topology);
        topology
    }

    /// Returns the totals of all series in a reading.
    pub(super) fn totals(&self, snapshot: &Snapshot) -> Totals {
        api::totals::of(snapshot, &self.agent)
    }

    /// Encodes the windows of the history that began at `after_ns` or later, some at a time. Returns the end of the last
    /// one. `None` if there are no more.
    pub(super) fn past(&self, after_ns: u64, published: &Published) -> Option<(u64, Bytes)> {
        let (mut end_ns, mut text) = (after_ns, BytesMut::new());
        while text.len() < PIECE_BYTES
            && let Some(past) = self.after(end_ns, &published.links)
        {
            end_ns = past.end_ns();
            let window = Window::of_past(&past, published.topology.generation);
            text.extend_from_slice(&encode(&Event::History(window)));
        }
        (end_ns > after_ns).then(|| (end_ns, text.freeze()))
    }

    /// The lock is released before the window is unpacked.
    fn after(&self, after_ns: u64, order: &[LinkKey]) -> Option<Past> {
        self.live.history()?.after(after_ns, order)
    }
}

impl Published {
    /// Returns the `topology` event. It is encoded once for all clients that want it.
    pub(super) fn text(&self) -> Bytes {
        self.text.get_or_init(|| encode(&Event::Topology(Box::new(self.topology.clone())))).clone()
    }
}

/// Returns the text of an event. Its types have no map with other keys than texts, so this cannot fail.
pub(super) fn encode(event: &Event) -> Bytes {
    event.to_text().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use netmon_model::{fixtures, snapshot::Flow};

    use super::*;
    use crate::live::{Readiness, SnapshotSource, SourceError};

    /// A source that counts its readings, and fails at first.
    struct Counted {
        readings: Arc<AtomicUsize>,
        failures: usize,
    }

    impl SnapshotSource for Counted {
        fn snapshot(&self) -> Result<Snapshot, SourceError> {
            let number = self.readings.fetch_add(1, Ordering::SeqCst);
            if number < self.failures {
                return Err("operation not permitted".into());
            }
            Ok(Snapshot { monotonic_ns: number as u64 * 1_000_000_000, ..fixtures::direct() })
        }

        fn flows(&self) -> Vec<Flow> {
            Vec::new()
        }

        fn ready(&self) -> Readiness {
            Readiness::from_hooks(0, 0)
        }
    }

    fn feed(failures: usize, history_bytes: Option<usize>) -> (Arc<Feed>, Arc<AtomicUsize>) {
        let readings = Arc::new(AtomicUsize::new(0));
        let source = Counted { readings: Arc::clone(&readings), failures };
        let source = Readings::new(Arc::new(source));
        (Arc::new(Feed::new(Arc::new(source), history_bytes)), readings)
    }

    /// Lets a feed run for a while of virtual time, and returns the number of readings.
    async fn run_for(ms: u64, feed: &Arc<Feed>, readings: &AtomicUsize) -> usize {
        let before = readings.load(Ordering::SeqCst);
        let run = tokio::time::timeout(Duration::from_millis(ms), Arc::clone(feed).run());
        run.await.expect_err("a feed has no end");
        readings.load(Ordering::SeqCst) - before
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_clients_cost_as_many_readings_as_one() {
        for clients in [1, 100] {
            let (feed, readings) = feed(0, Some(1 << 20));
            let joined: Vec<_> = (0..clients).map(|_| feed.join()).collect();
            assert_eq!(run_for(10_500, &feed, &readings).await, 11);
            let newest = |at: usize| joined[at].1.borrow().clone().unwrap();
            assert!(newest(0).rates.is_some() && Arc::ptr_eq(&newest(0), &newest(clients - 1)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_client_there_is_a_history_and_nothing_is_encoded() {
        let (feed, readings) = feed(0, Some(1 << 20));
        assert_eq!(run_for(10_500, &feed, &readings).await, 11);
        assert!(feed.newest.borrow().is_none() && feed.live.history().unwrap().bytes() > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_history_only_clients_cause_readings() {
        let (feed, readings) = feed(0, None);
        assert_eq!(run_for(60_000, &feed, &readings).await, 0);
        let client = feed.join();
        assert_eq!(run_for(2500, &feed, &readings).await, 3);
        drop(client);
        assert_eq!(run_for(60_000, &feed, &readings).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_that_fails_is_skipped() {
        let (feed, readings) = feed(3, Some(1 << 20));
        let (_client, newest) = feed.join();
        assert_eq!(run_for(2500, &feed, &readings).await, 3);
        assert!(newest.borrow().is_none());
        assert!(run_for(1500, &feed, &readings).await >= 2);
        assert!(newest.borrow().as_ref().unwrap().rates.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_client_is_served_at_once_and_does_not_shorten_a_window() {
        let (feed, readings) = feed(0, Some(1 << 20));
        run_for(500, &feed, &readings).await;
        // A second reading of the same moment.
        readings.store(0, Ordering::SeqCst);
        let (_client, newest) = feed.join();
        run_for(500, &feed, &readings).await;
        let published = newest.borrow().clone().unwrap();
        assert!(published.rates.is_none() && published.topology.links.len() == 1);
    }
}
