//! Waits until a service is ready, before the next one is started.
//!
//! The check runs in the service's own namespace until it succeeds. A service that exits meanwhile is restarted as always
//! and may still become ready.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use netmon_kernel::netns::Opener;
use netmon_model::lab::{Ready, Service, Traffic};
use thiserror::Error;
use tokio::time::sleep;

use crate::probe::{ProbeNamespace, Prober};

/// The time limit of one attempt. A program may take all of the time that is left.
const ATTEMPT_TIME: Duration = Duration::from_secs(2);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(25);

/// Why a service is not ready.
#[derive(Debug, Error)]
pub(super) enum NotReady {
    /// Nothing could be tried.
    #[error("cannot start a thread that opens sockets: {0}")]
    Opener(io::Error),
    /// The last attempt failed, with the probe's reason.
    #[error("{0}")]
    Attempt(String),
}

/// Waits until the check succeeds once.
///
/// # Errors
///
/// Fails if no attempt succeeded in time, with the error of the last one.
pub(super) async fn wait(service: &Service, ready: &Ready, directory: Option<&Path>) -> Result<(), NotReady> {
    let opener = Opener::start().map_err(NotReady::Opener)?;
    let place = ProbeNamespace::open(&service.namespace, &opener).map_err(NotReady::Attempt)?;
    let deadline = Instant::now() + ready.timeout;
    let mut last = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(NotReady::Attempt(last));
        }
        let patience = match ready.check {
            Traffic::Command(_) => left,
            _ => left.min(ATTEMPT_TIME),
        };
        let prober = Prober::new(place.clone(), &ready.check, None, patience);
        match prober.in_directory(directory).attempt().await {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
        sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}
