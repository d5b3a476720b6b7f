//! The formats of a scrape.
//!
//! Both have the same series with the same values and the same `le`. OpenMetrics differs in how a counter is announced,
//! in one more escape, and in its last line.

use netmon_model::snapshot::Snapshot;

use super::has_empty_buckets;

/// A format of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    #[default]
    Text,
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Returns the content type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the format for a snapshot, if the client prefers this one. OpenMetrics does not know histograms without
    /// buckets, which large labs have, so those are always exported as text (`docs/adr/0026`).
    #[must_use]
    pub fn for_snapshot(self, snapshot: &Snapshot) -> Self {
        if has_empty_buckets(snapshot) { self } else { Self::Text }
    }

    /// Returns the name of the family of a counter whose series has this name.
    pub(super) fn counter_family(self, name: &str) -> &str {
        match self {
            Self::Text => name,
            Self::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
        }
    }
}
