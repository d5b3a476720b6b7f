//! What is looked after now and then while a lab is watched.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

use super::watcher::Watcher;

/// How often the order of programs on the hooks is looked at.
const ORDER_EVERY: Duration = Duration::from_secs(10);

/// Looks after a lab until it is stopped.
pub(super) struct Upkeep {
    order: JoinHandle<()>,
}

impl Upkeep {
    pub(super) fn start(watcher: Arc<Watcher>) -> Self {
        let order = tokio::spawn(async move {
            let mut ticks = interval(ORDER_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let watcher = Arc::clone(&watcher);
                // It enters every namespace, on threads of its own, and waits for them.
                let _ = spawn_blocking(move || watcher.check_order()).await;
            }
        });
        Self { order }
    }

    pub(super) fn stop(self) {
        self.order.abort();
    }
}
