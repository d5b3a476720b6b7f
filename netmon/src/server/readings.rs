//! Readings of the kernel's maps: one at a time, never one that is older than the question.
//!
//! Whoever asks while a reading is under way waits for the next one, and everybody who waited shares it.
//! So a scrape always holds what happened before it was asked for, and any number of clients costs at
//! most one reading after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use netmon_model::snapshot::{Flow, Snapshot};
use thiserror::Error;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{
    scrape::Scrape,
    source::{Readiness, SnapshotSource, SourceError},
};
use crate::metrics::Renderer;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    /// The source failed.
    #[error("cannot read the kernel's maps")]
    Source(#[source] SourceError),
    /// The source panicked.
    #[error("the reading was broken off")]
    Broken(#[from] tokio::task::JoinError),
}

/// One reading.
pub(super) struct Reading {
    pub(super) began: Instant,
    pub(super) snapshot: Snapshot,
}

/// All access to the source goes through here.
pub(super) struct Readings {
    source: Arc<dyn SnapshotSource>,
    latest: Arc<Mutex<Option<Arc<Reading>>>>,
    renderer: Arc<Renderer>,
    failed: AtomicU64,
    /// Connections that were refused because there were too many.
    pub(super) refused: AtomicU64,
}

impl Readings {
    pub(super) fn new(source: Arc<dyn SnapshotSource>) -> Self {
        Self {
            source,
            latest: Arc::default(),
            renderer: Arc::default(),
            failed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// A reading that began after this call.
    pub(super) async fn fresh(&self) -> Result<Arc<Reading>, ReadError> {
        let asked = Instant::now();
        // The blocking thread owns the lock: when the client goes away, the reading still has it.
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        if let Some(reading) = latest.as_ref().filter(|reading| reading.began >= asked) {
            return Ok(Arc::clone(reading));
        }
        let source = Arc::clone(&self.source);
        let read = spawn_blocking(move || {
            let began = Instant::now();
            let snapshot = source.snapshot()?;
            let reading = Arc::new(Reading { began, snapshot });
            *latest = Some(Arc::clone(&reading));
            Ok(reading)
        });
        let result = read.await.map_err(ReadError::Broken).and_then(|read| read.map_err(ReadError::Source));
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// A scrape that began after this call.
    pub(super) async fn scrape(&self) -> Result<Scrape, ReadError> {
        let reading = self.fresh().await?;
        let failures = [
            ("snapshot", self.failed.load(Ordering::Relaxed)),
            ("http_refused", self.refused.load(Ordering::Relaxed)),
        ];
        Ok(Scrape::begin(reading, Arc::clone(&self.renderer), failures))
    }

    /// The connections that are followed now.
    pub(super) async fn flows(&self) -> Result<Vec<Flow>, ReadError> {
        let source = Arc::clone(&self.source);
        Ok(spawn_blocking(move || source.flows()).await?)
    }

    /// Whether every hook is attached.
    pub(super) async fn ready(&self) -> Result<Readiness, ReadError> {
        let source = Arc::clone(&self.source);
        Ok(spawn_blocking(move || source.ready()).await?)
    }
}
