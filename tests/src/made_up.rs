//! The agent's server over a made-up lab: as many links as a test wants, with traffic on all of them.
//!
//! Everything but the kernel is real: the server, its stream, and the page that it serves.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Instant, SystemTime},
};

use netmon::{
    live::{Readiness, SnapshotSource, SourceError},
    server::{self, Options},
};
use netmon_ebpf::Protocol;
use netmon_model::{
    fixtures,
    snapshot::{EndpointSnapshot, Flow, LinkSnapshot, Snapshot},
};
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};

use crate::agent::ADDRESS;

/// One link in so many is idle.
const IDLE: usize = 5;

/// A lab that is read as if its counters grew all the time.
struct Source {
    lab: Mutex<Snapshot>,
    began: Instant,
    readings: AtomicU64,
}

impl SnapshotSource for Source {
    fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let mut lab = self.lab.lock().expect("no reader panicked");
        let reading = self.readings.fetch_add(1, Ordering::Relaxed);
        for (index, link) in lab.links.iter_mut().enumerate() {
            advance(link, index, reading);
        }
        let elapsed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(Snapshot { taken_at: SystemTime::now(), monotonic_ns: 1_000_000_000_000 + elapsed, ..lab.clone() })
    }

    fn flows(&self) -> Vec<Flow> {
        fixtures::flows()
    }

    fn ready(&self) -> Readiness {
        Readiness::from_hooks(4, 4)
    }
}

/// Adds the packets of a reading to both directions of a link.
fn advance(link: &mut LinkSnapshot, index: usize, reading: u64) {
    if index % IDLE == IDLE - 1 {
        return;
    }
    let packets = 10_u64.pow(u32::try_from(index % IDLE).unwrap_or_default()) + reading % 3;
    let latency = fixtures::histogram_of([8_000, 9_000 + 100 * (reading % 50), 21_000]);
    let b = link.b.as_mut().expect("a link with both ends");
    pass(&mut link.a, b, packets);
    pass(b, &mut link.a, packets / 2 + 1);
    for direction in [&mut link.a_to_b, &mut link.b_to_a] {
        direction.latency.get_or_insert_default().add(&latency);
    }
}

fn pass(sender: &mut EndpointSnapshot, receiver: &mut EndpointSnapshot, packets: u64) {
    for hook in [&mut sender.hooks.egress, &mut receiver.hooks.ingress] {
        hook.protocols[Protocol::Tcp].packets += packets;
        hook.protocols[Protocol::Tcp].bytes += packets * 900;
        hook.segments += packets;
        hook.wire_bytes += packets * 900;
    }
}

/// The server; it ends when it is dropped.
pub struct MadeUp {
    source: Arc<Source>,
    shutdown: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl MadeUp {
    /// Serves a star of `links` links where an agent in this sandbox would.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    #[must_use]
    pub fn star(links: u32) -> Self {
        Self::of(fixtures::star(links))
    }

    /// Serves any lab.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    #[must_use]
    pub fn of(lab: Snapshot) -> Self {
        let source =
            Arc::new(Source { lab: Mutex::new(lab), began: Instant::now(), readings: AtomicU64::new(0) });
        let (shutdown, closing) = oneshot::channel();
        let (listening, listens) = oneshot::channel();
        let served = Arc::clone(&source);
        // A thread of its own inherits the sandbox's network namespace.
        let server = thread::spawn(move || {
            let runtime =
                Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("an event loop");
            runtime.block_on(async {
                let listener = TcpListener::bind(ADDRESS).await.expect("a free port");
                let closed = async {
                    // An error is a server that was dropped.
                    let _ = closing.await;
                };
                let listeners = listener.try_into().expect("an address");
                let task = server::serve(listeners, served, Options::default(), closed);
                let _ = listening.send(());
                task.await.expect("the server ends by itself");
            });
        });
        listens.blocking_recv().expect("a server that listens");
        Self { source, shutdown: Some(shutdown), server: Some(server) }
    }

    /// Changes the lab, as another program would.
    ///
    /// # Panics
    ///
    /// If a reader panicked.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.source.lab.lock().expect("no reader panicked"));
    }

    /// How often it was read.
    #[must_use]
    pub fn readings(&self) -> u64 {
        self.source.readings.load(Ordering::Relaxed)
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            // An error is a server that ended already.
            let _ = shutdown.send(());
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}
