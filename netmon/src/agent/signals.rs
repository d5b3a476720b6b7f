//! The signals that the agent handles.

use std::{fs::File, io};

use log::info;
use netmon_kernel::proc::Process;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGHUP, which requests a reload or means that the terminal is gone.
pub(super) struct HangUp {
    signal: Signal,
    had_terminal: bool,
    /// Whether the agent outlives its terminal, because SIGHUP was ignored when it started (nohup(1)).
    outlives_terminal: bool,
}

/// The meaning of a SIGHUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Read the lab file again.
    Reload,
    /// The terminal was closed: Ctrl-C can no longer end the agent.
    TerminalGone,
}

impl HangUp {
    /// Listens from now on. To be called before anything takes long: until then, SIGHUP ends the process.
    pub(super) fn listen() -> io::Result<Self> {
        // Before the handler, which replaces the disposition.
        let outlives_terminal = Process::Current.ignores(SignalKind::hangup().as_raw_value().unsigned_abs());
        Ok(Self {
            outlives_terminal: outlives_terminal.unwrap_or(false),
            signal: signal(SignalKind::hangup())?,
            had_terminal: has_terminal(),
        })
    }

    pub(super) async fn wait(&mut self) -> Meaning {
        loop {
            self.signal.recv().await;
            let is_gone = self.had_terminal && !has_terminal();
            if !is_gone {
                return Meaning::Reload;
            }
            if !self.outlives_terminal {
                info!("the terminal was closed: shutting down");
                return Meaning::TerminalGone;
            }
            info!(
                "the terminal was closed; the agent keeps running, since SIGHUP was ignored when it started"
            );
            self.had_terminal = false;
        }
    }
}

/// Returns whether this process has a controlling terminal. The kernel removes it before it sends SIGHUP.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Waits for SIGINT or SIGTERM, even if SIGINT was inherited as ignored (as in a background job of a shell without job
/// control).
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from now on. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// Fails if the signals cannot be handled.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first of them.
    pub async fn wait(&mut self) {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        info!("{name}: shutting down");
    }
}
