//! The progress of long operations, reported to a display.

/// Receives reports of progress. Methods are called often, on the working thread, and must return quickly.
pub trait Progress {
    /// Reports that `done` of `total` `what` (`namespaces`, `links`) are done.
    fn at(&self, what: &'static str, done: usize, total: usize);

    /// Reports that `what` (`stopping services`) has begun. It makes no further reports.
    fn busy(&self, what: &'static str) {
        let _ = what;
    }

    /// Reports that no work is in progress until the next report.
    fn rest(&self) {}
}

/// Displays nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _what: &'static str, _done: usize, _total: usize) {}
}
