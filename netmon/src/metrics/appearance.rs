//! When the series of a link appear.
//!
//! Those of a lab's link are there from the start, because a rate needs the zero that came before. A host may have a thousand
//! links that netmon found, most of which never see most protocols: what is rare there appears with its first event.

use netmon_model::{histogram::Histogram, snapshot::LinkSnapshot};

/// When the rare series of a link appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appearance {
    /// From the start.
    AtOnce,
    /// With their first event.
    WithFirstEvent,
}

impl Appearance {
    /// Returns when those of this link do.
    pub(super) fn of(link: &LinkSnapshot) -> Self {
        if link.lab.is_some() { Self::AtOnce } else { Self::WithFirstEvent }
    }

    /// Returns whether a counter with this value has a series.
    pub(super) fn shows(self, count: u64) -> bool {
        self == Self::AtOnce || count > 0
    }

    /// Returns the histogram, if it has series.
    pub(super) fn histogram(self, histogram: Option<&Histogram>) -> Option<&Histogram> {
        histogram.filter(|histogram| self.shows(histogram.count))
    }
}
