//! Readings of the kernel's maps: one at a time, and never one that began before the request.
//!
//! A request that arrives during a reading waits for the next one, which all waiting requests share. So a scrape always
//! contains what happened before it was requested, and any number of clients costs at most one reading after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use netmon_model::{
    snapshot::{Flow, ServiceSnapshot, Snapshot},
    trace::Trace,
};
use thiserror::Error;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::processor_time;
use crate::live::{Readiness, SnapshotSource, SourceError};

/// Why a request has no answer.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    /// The source failed.
    #[error("cannot read the kernel's maps")]
    Source(#[source] SourceError),
    /// The source panicked.
    #[error("the task that reads the maps panicked")]
    Panicked(#[from] tokio::task::JoinError),
    /// The text of a scrape was not written to its end.
    #[error("the task that writes the metrics panicked")]
    Unwritten,
}

/// One reading.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) began: Instant,
    pub(super) snapshot: Arc<Snapshot>,
    /// The processor time that it took.
    pub(super) cost: Duration,
}

/// The only access to the source.
pub(super) struct Readings {
    source: Arc<dyn SnapshotSource>,
    latest: Arc<Mutex<Option<Reading>>>,
    failed: AtomicU64,
    /// Connections that were refused because there were too many.
    pub(super) refused: Arc<AtomicU64>,
}

impl Readings {
    pub(super) fn new(source: Arc<dyn SnapshotSource>) -> Self {
        Self { source, latest: Arc::default(), failed: AtomicU64::new(0), refused: Arc::default() }
    }

    /// Returns a reading that began after this call.
    pub(super) async fn fresh(&self) -> Result<Reading, ReadError> {
        let requested = Instant::now();
        // The blocking thread owns the lock: if the client disconnects, the reading continues and still holds it.
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        if let Some(reading) = latest.as_ref().filter(|reading| reading.began >= requested) {
            return Ok(reading.clone());
        }
        let source = Arc::clone(&self.source);
        let read = spawn_blocking(move || {
            let began = Instant::now();
            let (snapshot, cost) = processor_time::of(|| source.snapshot());
            let reading = Reading { began, snapshot: Arc::new(snapshot?), cost };
            *latest = Some(reading.clone());
            Ok(reading)
        });
        let result = read.await.map_err(ReadError::Panicked).and_then(|read| read.map_err(ReadError::Source));
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Returns how many errors of each kind there were.
    pub(super) fn errors(&self) -> [(&'static str, u64); 2] {
        [
            ("snapshot", self.failed.load(Ordering::Relaxed)),
            ("http_refused", self.refused.load(Ordering::Relaxed)),
        ]
    }

    /// Returns the TCP connections that are tracked now.
    pub(super) async fn flows(&self) -> Result<Vec<Flow>, ReadError> {
        let source = Arc::clone(&self.source);
        Ok(spawn_blocking(move || source.flows()).await?)
    }

    /// Returns the state of the lab's services. It may block.
    pub(super) fn services(&self) -> Vec<ServiceSnapshot> {
        self.source.services()
    }

    /// Returns the traces that were handed over, newest first.
    pub(super) fn traces(&self) -> Vec<Trace> {
        self.source.traces()
    }

    /// Returns whether every hook is attached.
    pub(super) async fn ready(&self) -> Result<Readiness, ReadError> {
        let source = Arc::clone(&self.source);
        Ok(spawn_blocking(move || source.ready()).await?)
    }
}
