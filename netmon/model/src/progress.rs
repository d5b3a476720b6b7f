//! The progress of long work, reported to whatever displays it.

/// Receives reports of progress. Called often, and on the thread that works: return quickly.
pub trait Progress {
    /// Reports that `done` of `total` `what` (`namespaces`, `links`) are done.
    fn at(&self, what: &'static str, done: usize, total: usize);

    /// Reports that `what` (`stopping services`) has begun. It makes no further reports.
    fn busy(&self, what: &'static str) {
        let _ = what;
    }

    /// Reports that nothing is under way until the next report.
    fn rest(&self) {}
}

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _what: &'static str, _done: usize, _total: usize) {}
}
