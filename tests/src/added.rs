//! What some traffic adds to the metrics.

use crate::agent::{Metrics, scrape};

/// Two scrapes, before and after.
#[derive(Clone, Debug)]
pub struct Added {
    /// The scrape before the traffic.
    pub before: Metrics,
    /// The scrape after it.
    pub after: Metrics,
}

impl Added {
    /// Scrapes, runs `traffic`, and scrapes again.
    #[must_use]
    pub fn by(traffic: impl FnOnce()) -> Self {
        let before = scrape();
        traffic();
        Self { before, after: scrape() }
    }

    /// The increase of all samples of `name` that have all of `labels`.
    #[must_use]
    pub fn to(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.after.sum(name, labels) - self.before.sum(name, labels)
    }

    /// The mean of the samples that a histogram recorded in between.
    ///
    /// # Panics
    ///
    /// If it recorded none.
    #[must_use]
    pub fn mean(&self, histogram: &str, labels: &[(&str, &str)]) -> f64 {
        let count = self.to(&format!("{histogram}_count"), labels);
        assert!(count > 0.0, "{histogram} recorded nothing");
        self.to(&format!("{histogram}_sum"), labels) / count
    }
}
