//! The one reading a second that serves the rates, the history and every stream.
//!
//! With clients, each second is read and encoded once, and all clients share the bytes. The channel holds the newest
//! second only: a slow client skips to it and delays no other. Without clients, readings are as rare as their cost wants
//! ([`Pace`]), and without a history either there are none.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use netmon_model::{error::chain, snapshot::Snapshot};
use tokio::{sync::watch, task::spawn_blocking, time::Instant};

use super::{
    generations::Generations,
    readings::{ReadError, Readings},
};
use crate::{
    api::{Agent, Event, HistoryUse, Topology, Window},
    live::{LinkKey, Live, Pace},
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
        let start = Instant::now();
        let result = self.try_read().await;
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Ok(()) => {
                self.pace.lock().unwrap_or_else(PoisonError::into_inner).record(start.elapsed());
            }
            Err(error) if !was_failing => {
                log::warn!("rates are not available until a reading succeeds: {}", chain(&error));
            }
            Err(_) => {}
        }
    }

    async fn try_read(self: &Arc<Self>) -> Result<(), ReadError> {
        let snapshot = self.readings.fresh().await?.snapshot;
        let feed = Arc::clone(self);
        Ok(spawn_blocking(move || feed.take(&snapshot)).await?)
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

    /// Returns the topology in a reading, with its generation.
    pub(super) fn topology(&self, snapshot: &Snapshot) -> Topology {
        let history = self.live.history().map(|history| HistoryUse::of(&history, self.interval(false)));
        let mut topology = Topology::of(snapshot, &self.agent, history);
        self.generations.number(snapshot.monotonic_ns, &mut topology);
        topology
    }

    /// Encodes the windows of the history that began at `after_ns` or later, some at a time. Returns the end of the last
    /// one. `None` if there are no more.
    pub(super) fn past(&self, after_ns: u64, published: &Published) -> Option<(u64, Bytes)> {
        let (mut end_ns, mut text) = (after_ns, BytesMut::new());
        while text.len() < PIECE_BYTES
            && let Some(past) = self.live.history()?.after(end_ns, &published.links)
        {
            end_ns = past.end_ns();
            let window = Window::of_past(&past, published.topology.generation);
            text.extend_from_slice(&encode(&Event::History(window)));
        }
        (end_ns > after_ns).then(|| (end_ns, text.freeze()))
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
