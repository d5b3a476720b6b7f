//! One line on a terminal for work that takes longer than a moment.
//!
//! A thread of its own paints it: what takes long may say nothing for seconds (services that end, programs that are
//! attached), and the line is there all the same.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use netmon_model::progress::Progress;

/// Quicker work is done before anybody has read the line; and within the first second it must be there.
const PATIENCE: Duration = Duration::from_millis(500);
/// More often than this nobody can read.
const INTERVAL: Duration = Duration::from_millis(100);

/// Shows `42/1000 namespaces` on standard error when that is a terminal, and nothing elsewhere.
#[derive(Debug)]
pub struct ProgressLine {
    work: Arc<Work>,
    /// None without a terminal.
    painter: Option<JoinHandle<()>>,
}

/// What is under way, shared with the painter.
#[derive(Debug, Default)]
struct Work {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// None while nothing is under way.
    step: Option<Step>,
    /// When what is under way began, whatever its steps.
    since: Option<Instant>,
    ended: bool,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    what: &'static str,
    /// Done, and to be done, where that is known.
    count: Option<(usize, usize)>,
}

impl ProgressLine {
    /// A line for work that begins now.
    #[must_use]
    pub fn start() -> Self {
        let work = Arc::new(Work::default());
        work.set(Some(Step { what: "starting", count: None }));
        let shown = Arc::clone(&work);
        let painter = stderr().is_terminal().then(|| {
            // Without a thread to be had there is no line, and the work goes on.
            thread::Builder::new().name("progress".to_owned()).spawn(move || shown.paint()).ok()
        });
        Self { work, painter: painter.flatten() }
    }
}

impl Progress for ProgressLine {
    fn at(&self, what: &'static str, done: usize, total: usize) {
        self.work.set(Some(Step { what, count: Some((done, total)) }));
    }

    fn busy(&self, what: &'static str) {
        self.work.set(Some(Step { what, count: None }));
    }

    fn rest(&self) {
        self.work.set(None);
        // The line is gone when this returns, so that what is printed next stands alone.
        let mut state = self.work.state();
        while self.painter.is_some() && state.step.is_none() && state.since.is_some() {
            state = self.work.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.work.state().ended = true;
        self.work.changed.notify_all();
        if let Some(painter) = self.painter.take() {
            // It does nothing that can fail.
            let _ = painter.join();
        }
    }
}

impl Work {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, step: Option<Step>) {
        let mut state = self.state();
        let wakes = step.is_some() != state.step.is_some();
        state.step = step;
        if step.is_some() {
            state.since.get_or_insert_with(Instant::now);
        }
        drop(state);
        if wakes {
            self.changed.notify_all();
        }
    }

    /// Paints until the end.
    fn paint(&self) {
        let mut painted = false;
        let mut state = self.state();
        loop {
            let over = state.ended || state.step.is_none();
            if over {
                clear(&mut painted);
                state.since = None;
                self.changed.notify_all();
            }
            if state.ended {
                return;
            }
            if let (Some(step), Some(since)) = (state.step, state.since)
                && since.elapsed() >= PATIENCE
            {
                painted = true;
                // A terminal that went away is no reason to stop.
                let _ = write!(stderr(), "\r{}\x1b[K", step.line(since.elapsed()));
            }
            state = if state.step.is_some() {
                self.changed.wait_timeout(state, INTERVAL).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

impl Step {
    fn line(self, elapsed: Duration) -> String {
        let what = self.what;
        match self.count {
            Some((done, total)) => format!("{done}/{total} {what}"),
            None => format!("{what}, {} s", elapsed.as_secs()),
        }
    }
}

fn clear(painted: &mut bool) {
    if std::mem::take(painted) {
        let _ = write!(stderr(), "\r\x1b[K");
    }
}
