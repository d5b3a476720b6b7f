//! One line on a terminal for work that takes longer than a second.

use std::{
    cell::Cell,
    io::{IsTerminal as _, Write as _, stderr},
    time::{Duration, Instant},
};

use crate::topology::Progress;

/// Quicker work is done before anybody has read the line.
const PATIENCE: Duration = Duration::from_millis(900);
/// More often than this nobody can read.
const INTERVAL: Duration = Duration::from_millis(50);

/// Shows `42/1000 namespaces` on standard error when that is a terminal, and nothing elsewhere.
#[derive(Debug)]
pub struct ProgressLine {
    started: Instant,
    shown: Cell<Option<Instant>>,
    on_terminal: bool,
}

impl ProgressLine {
    /// A line for work that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now(), shown: Cell::new(None), on_terminal: stderr().is_terminal() }
    }
}

impl Progress for ProgressLine {
    fn at(&self, what: &'static str, done: usize, total: usize) {
        let recent = self.shown.get().is_some_and(|shown| shown.elapsed() < INTERVAL);
        if !self.on_terminal || recent || self.started.elapsed() < PATIENCE {
            return;
        }
        self.shown.set(Some(Instant::now()));
        // A terminal that went away is no reason to stop.
        let _ = write!(stderr(), "\r{done}/{total} {what}\x1b[K");
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown.get().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
