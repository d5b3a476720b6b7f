//! How far a long piece of work has come, told to whoever shows it.

/// Is told how far the work has come. Called from the thread that works, often: be quick.
pub trait Progress {
    /// `done` of `total` `what` (`namespaces`, `links`) are done.
    fn at(&self, what: &'static str, done: usize, total: usize);

    /// `what` (`stopping services`) is under way, and says nothing until it is over.
    fn busy(&self, what: &'static str) {
        let _ = what;
    }

    /// Nothing is under way, until the next call of the others.
    fn rest(&self) {}
}

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _what: &'static str, _done: usize, _total: usize) {}
}
