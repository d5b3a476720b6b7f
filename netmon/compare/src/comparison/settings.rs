//! How a comparison is made: what is compared, and what counts as worse.

use serde::Serialize;

use crate::series::{Figure, Kind, Series};

/// How a comparison is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// The probability that no figure of equal runs is reported as worse.
    pub confidence: f64,
    /// The relative change of a latency or a rate that is tolerated, for example 0.05.
    pub bound: f64,
    /// The change of a share that is tolerated, for example 0.001.
    pub share_bound: f64,
    /// A latency that grew by less than this is never worse, nanoseconds.
    pub latency_floor_ns: f64,
    /// A rate that fell by less than this is never worse, bytes a second.
    pub rate_floor_bytes: f64,
    /// The figures that are compared; empty for all.
    pub only: Vec<Figure>,
    /// The figures that are not compared.
    pub ignored: Vec<Figure>,
    /// The link whose figures are compared. `None` for all, and probes.
    pub link: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            confidence: 0.999,
            bound: 0.05,
            share_bound: 0.001,
            // Where a host puts a process, and how it wakes it, moves every latency by some microseconds from run to run.
            latency_floor_ns: 10_000.0,
            // ARP and neighbour discovery come and go.
            rate_floor_bytes: 1250.0,
            only: Vec::new(),
            ignored: Vec::new(),
            link: None,
        }
    }
}

impl Settings {
    /// Returns whether a series is compared.
    pub(super) fn includes(&self, series: &Series) -> bool {
        let is_wanted = self.only.is_empty() || self.only.contains(&series.figure);
        let is_on_link = |wanted: &String| series.place.link().is_some_and(|link| link.as_str() == wanted);
        is_wanted && !self.ignored.contains(&series.figure) && self.link.as_ref().is_none_or(is_on_link)
    }

    /// Returns the probability that one interval may miss on one side, if there are this many.
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 tests")]
    pub(super) fn tail(&self, tests: usize) -> f64 {
        (1.0 - self.confidence) / tests.max(1) as f64
    }

    /// Returns the change of a figure of this kind that is tolerated.
    pub(super) fn bound(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Share => self.share_bound,
            Kind::Latency | Kind::Bytes => self.bound,
        }
    }

    /// Returns the absolute change of a figure of this kind that is tolerated.
    pub(super) fn floor(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Latency => self.latency_floor_ns,
            Kind::Bytes => self.rate_floor_bytes,
            Kind::Share => 0.0,
        }
    }
}
