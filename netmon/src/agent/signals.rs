//! The signals that the agent heeds.

use std::io;

use log::info;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGHUP, which asks for the lab file to be read again.
pub(super) fn reload() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Waits for SIGINT or SIGTERM, also where SIGINT was inherited as ignored (as in a background job of a
/// shell without job control).
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn wait(&mut self) {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        info!("{name}: putting everything back");
    }
}
