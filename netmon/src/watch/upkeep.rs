//! What is looked after now and then while a lab is watched.

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

/// How often the order of programs on the hooks is looked at.
const ORDER_EVERY: Duration = Duration::from_secs(10);
/// Time between two audits ...
const AUDIT_EVERY: Duration = Duration::from_secs(2);
/// ... of which they may take this part: with very many links, they get rarer.
const AUDIT_SHARE: u32 = 50;

/// Looks after a lab until it is stopped.
pub(crate) struct Upkeep {
    order: JoinHandle<()>,
    audit: JoinHandle<()>,
}

impl Upkeep {
    pub(crate) fn start(watch: Arc<Watch>) -> Self {
        let audit = tokio::spawn(audit(Arc::clone(&watch)));
        let order = tokio::spawn(async move {
            let mut ticks = interval(ORDER_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let watch = Arc::clone(&watch);
                // It enters every namespace, on threads of its own, and waits for them.
                let look = move || {
                    watch.check_chain_position();
                    // Building, and looking into every namespace, takes much for a moment.
                    heap::give_back();
                };
                let _ = spawn_blocking(look).await;
            }
        });
        Self { order, audit }
    }

    pub(crate) fn stop(self) {
        self.order.abort();
        self.audit.abort();
    }
}

/// Audits for as long as it is polled. It waits for sockets, on a thread of its own.
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
