//! Starts the services of a lab that `netmon up` leaves up, and reports those that do not stay up.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use netmon_model::{
    error::chain,
    lab::{Lab, ServiceKind},
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, timeout},
};

use super::{Interrupted, panicked};
use crate::{
    agent::Stop,
    ownership::state,
    services::{self, DetachError, ServiceStatus},
};

/// How long a service without a readiness check is watched for an early exit.
const EARLY: Duration = Duration::from_millis(150);
/// Between two checks.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two attempts to stop services that are being started.
const RETRY: Duration = Duration::from_millis(100);

/// Starts the services, or waits for those that another `netmon up` has begun to start.
///
/// # Errors
///
/// Fails if a service cannot be started, or on SIGINT and SIGTERM. None of those that this call started is left then.
pub(super) async fn start(lab: &Lab, stop: &mut Stop) -> anyhow::Result<()> {
    let directory = state::directory(&lab.name);
    let only_waits = services::is_supervised(lab, &directory);
    let cancelled = Arc::new(AtomicBool::new(false));
    let mut starting = {
        let (lab, directory, cancelled) = (lab.clone(), directory.clone(), Arc::clone(&cancelled));
        spawn_blocking(move || services::leave_running(&lab, &directory, &cancelled))
    };
    tokio::select! {
        biased;
        () = stop.wait() => {
            cancelled.store(true, Ordering::Relaxed);
            if only_waits {
                drop(starting.await);
            } else {
                stop_until_ended(lab, directory, starting).await;
            }
            Err(Interrupted.into())
        }
        started = &mut starting => Ok(started.map_err(panicked)??),
    }
}

/// Stops the services until the task that starts them has ended.
async fn stop_until_ended(lab: &Lab, directory: PathBuf, mut starting: JoinHandle<Result<(), DetachError>>) {
    loop {
        let has_ended = timeout(RETRY, &mut starting).await.is_ok();
        let (name, directory) = (lab.name.clone(), directory.clone());
        let errors = spawn_blocking(move || services::stop_recorded(&name, &directory)).await;
        if has_ended {
            errors.iter().flatten().for_each(|error| log::warn!("{}", chain(error)));
            return;
        }
    }
}

/// Warns about services that have exited already. Only those without a readiness check can have: waits a moment for them.
pub(super) async fn report(lab: &Lab) {
    let is_unchecked = |service: &netmon_model::lab::Service| {
        matches!(service.kind, ServiceKind::Command(_)) && service.ready.is_none()
    };
    if lab.services.iter().any(is_unchecked) {
        for service in exited_early(lab).await {
            log::warn!("{service}");
        }
    }
}

async fn exited_early(lab: &Lab) -> Vec<ServiceStatus> {
    let (directory, deadline) = (state::directory(&lab.name), Instant::now() + EARLY);
    loop {
        let mut there = services::recorded_status(&directory).unwrap_or_default();
        there.retain(|service| service.last_exit.is_some());
        if !there.is_empty() || Instant::now() >= deadline {
            return there;
        }
        sleep(PAUSE).await;
    }
}
