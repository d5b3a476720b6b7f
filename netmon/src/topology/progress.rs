//! How far a long piece of work has come, told to whoever shows it.

/// Is told how far the work has come. Called from the thread that works, often: be quick.
pub trait Progress {
    /// `done` of `total` `what` (`namespaces`, `links`) are done.
    fn at(&self, what: &'static str, done: usize, total: usize);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _what: &'static str, _done: usize, _total: usize) {}
}
