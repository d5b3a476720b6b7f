//! The summary of a histogram.

use netmon_model::histogram::Histogram;
use serde::{Deserialize, Serialize};

/// A summary of durations. All fields but the count and the sum are null without observations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Observations.
    pub count: u64,
    /// Sum of all, exact.
    pub sum_ns: u64,
    /// Their mean, exact to the nanosecond.
    pub mean_ns: Option<u64>,
    /// The median, within 12.5 %.
    pub p50_ns: Option<u64>,
    /// The 90th percentile, within 12.5 %.
    pub p90_ns: Option<u64>,
    /// The 99th percentile, within 12.5 %.
    pub p99_ns: Option<u64>,
    /// An upper bound of all: the end of the last bucket in use; null if one was beyond 17.2 s.
    pub max_bound_ns: Option<u64>,
}

impl From<&Histogram> for Summary {
    fn from(histogram: &Histogram) -> Self {
        let quantile = |q| histogram.quantile_ns(q).map(rounded);
        Self {
            count: histogram.count,
            sum_ns: histogram.sum_ns,
            mean_ns: histogram.mean_ns().map(rounded),
            p50_ns: quantile(0.5),
            p90_ns: quantile(0.9),
            p99_ns: quantile(0.99),
            max_bound_ns: histogram.max_bound_ns(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are positive, and far below 2^64 ns"
)]
fn rounded(ns: f64) -> u64 {
    ns.round() as u64
}
