//! One line on a terminal for work that takes longer than a moment.
//!
//! A thread of `indicatif` draws it: long work may report nothing for seconds (services that are stopped, programs that
//! are attached), and the line appears all the same.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use netmon_model::progress::Progress;

/// Work that is done sooner shows no line, since it could not be read. Longer work shows one within the first second.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is drawn.
const INTERVAL: Duration = Duration::from_millis(100);

/// Shows `42/1000 namespaces` on standard error if that is a terminal, and nothing otherwise.
#[derive(Debug)]
pub struct ProgressLine {
    bar: ProgressBar,
    /// `None` while no work is under way.
    step: Arc<Mutex<Option<Step>>>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    what: &'static str,
    /// How much is done, and how much there is to do. `None` if the work does not say.
    count: Option<(usize, usize)>,
}

impl ProgressLine {
    /// Starts a line for work that begins now.
    #[must_use]
    pub fn start() -> Self {
        let step = Arc::new(Mutex::new(None));
        let shown = Arc::clone(&step);
        let draw = move |state: &ProgressState, line: &mut dyn Write| {
            if let Some(step) = *lock(&shown)
                && state.elapsed() >= PATIENCE
            {
                // Writing to a string does not fail.
                let _ = line.write_str(&step.line(state.elapsed()));
            }
        };
        let bar = ProgressBar::no_length();
        // The template is a constant that parses.
        if let Ok(style) = ProgressStyle::with_template("{line}") {
            bar.set_style(style.with_key("line", draw));
        }
        let line = Self { bar, step };
        line.show(Step { what: "starting", count: None });
        line
    }

    fn show(&self, step: Step) {
        let is_first = lock(&self.step).replace(step).is_none();
        if is_first && !self.bar.is_hidden() {
            self.bar.reset();
            self.bar.enable_steady_tick(INTERVAL);
        }
    }
}

/// The step is a plain value, valid even if a thread panicked while it was locked.
fn lock(step: &Mutex<Option<Step>>) -> MutexGuard<'_, Option<Step>> {
    step.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress for ProgressLine {
    fn at(&self, what: &'static str, done: usize, total: usize) {
        self.show(Step { what, count: Some((done, total)) });
    }

    fn busy(&self, what: &'static str) {
        self.show(Step { what, count: None });
    }

    fn rest(&self) {
        let was_busy = lock(&self.step).take().is_some();
        if was_busy {
            // The line is cleared when this returns, so that what is printed next stands alone.
            self.bar.finish_and_clear();
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.rest();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_count_or_else_the_seconds() {
        let (what, elapsed) = ("namespaces", Duration::from_millis(2_900));
        assert_eq!(Step { what, count: Some((42, 1000)) }.line(elapsed), "42/1000 namespaces");
        assert_eq!(Step { what, count: None }.line(elapsed), "namespaces, 2 s");
    }

    #[test]
    fn work_may_begin_again_after_a_rest() {
        let line = ProgressLine::start();
        for _ in 0..2 {
            line.at("links", 1, 2);
            assert!(lock(&line.step).is_some());
            line.rest();
            assert!(lock(&line.step).is_none());
        }
    }
}
