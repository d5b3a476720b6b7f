//! The periodic work while a lab is watched: audits, and the position of netmon's programs on the hooks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use netmon_kernel::sys::heap;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep},
};

use super::Watch;

/// Time between two checks of the programs' positions on their hooks.
const POSITIONS_EVERY: Duration = Duration::from_secs(10);
/// Minimum time between two audits.
const AUDIT_EVERY: Duration = Duration::from_secs(2);
/// An audit takes at most one part in this many of the time: with very many links, audits become rarer.
const AUDIT_SHARE: u32 = 50;

/// The tasks of the periodic work.
pub(crate) struct Upkeep {
    positions: JoinHandle<()>,
    audit: JoinHandle<()>,
}

impl Upkeep {
    /// Starts both tasks.
    pub(crate) fn start(watch: Arc<Watch>) -> Self {
        let audit = tokio::spawn(audit(Arc::clone(&watch)));
        let positions = tokio::spawn(async move {
            let mut ticks = interval(POSITIONS_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let watch = Arc::clone(&watch);
                // The check enters every namespace on a thread of its own, and waits for that thread.
                let check = move || {
                    watch.check_chain_position();
                    // Building a lab and entering every namespace need much memory for a short time.
                    heap::give_back();
                };
                let _ = spawn_blocking(check).await;
            }
        });
        Self { positions, audit }
    }

    /// Stops both tasks.
    pub(crate) fn stop(self) {
        self.positions.abort();
        self.audit.abort();
    }
}

/// Runs audits until it is dropped. Each runs on a thread for blocking work, since it waits for sockets.
async fn audit(watch: Arc<Watch>) {
    loop {
        let began = Instant::now();
        let watched = Arc::clone(&watch);
        let _ = spawn_blocking(move || watched.audit()).await;
        let took = began.elapsed();
        log::trace!("an audit took {took:?}");
        sleep(AUDIT_EVERY.max(took * AUDIT_SHARE)).await;
    }
}
