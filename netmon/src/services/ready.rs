//! Waiting for a service to do its work, before the next one is started.
//!
//! It is asked from its own namespace, again and again. A service that ends meanwhile is started again as always,
//! and may still get ready.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use netmon_kernel::netns::Opener;
use netmon_model::lab::{Ready, Service, Traffic};
use tokio::time::sleep;

use crate::probe::{ProbeNamespace, Prober};

/// How long one answer is waited for; a program may take all the time there is.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(25);

/// Waits until the check succeeds once.
///
/// # Errors
///
/// Why the last attempt within the time failed.
pub(super) async fn wait(service: &Service, ready: &Ready, directory: Option<&Path>) -> Result<(), String> {
    let opener = Opener::start().map_err(|error| format!("a thread that opens sockets: {error}"))?;
    let place = ProbeNamespace::open(&service.namespace, &opener)?;
    let deadline = Instant::now() + ready.timeout;
    let mut why = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(why);
        }
        let patience = match ready.check {
            Traffic::Command(_) => left,
            _ => left.min(ANSWER_TIME),
        };
        let prober = Prober::new(place.clone(), &ready.check, None, patience);
        match prober.in_directory(directory).attempt().await {
            Ok(_) => return Ok(()),
            Err(failed) => why = failed,
        }
        sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}
