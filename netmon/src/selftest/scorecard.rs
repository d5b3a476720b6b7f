//! The scorecard: what was expected, what netmon measured, and whether the error is within bounds.

use std::time::Duration;

use serde::Serialize;

/// The unit of a row's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Packets, connections or other things that are counted.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What is measured.
    pub measure: String,
    /// The unit of the numbers.
    pub unit: Unit,
    /// The expected value.
    pub expected: f64,
    /// The value that netmon measured.
    pub measured: f64,
    /// `measured` minus `expected`.
    pub error: f64,
    /// How far below `expected` it may be.
    pub allowed_below: f64,
    /// How far above `expected` it may be.
    pub allowed_above: f64,
    /// Number of observations.
    pub samples: u64,
    /// Whether the error is within the bounds, and there are samples.
    pub within_bounds: bool,
}

impl Row {
    fn new(
        measure: impl Into<String>,
        unit: Unit,
        (expected, measured): (f64, f64),
        (allowed_below, allowed_above): (f64, f64),
        samples: u64,
    ) -> Self {
        let error = measured - expected;
        // Comparisons with NaN are false: a missing value is out of bounds.
        let within_bounds = samples > 0 && error >= -allowed_below && error <= allowed_above;
        let measure = measure.into();
        Self {
            measure,
            unit,
            expected,
            measured,
            error,
            allowed_below,
            allowed_above,
            samples,
            within_bounds,
        }
    }

    /// A count, which must be exact.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a selftest counts far below 2^53")]
    pub fn exact(measure: impl Into<String>, unit: Unit, expected: u64, measured: u64, samples: u64) -> Self {
        Self::new(measure, unit, (expected as f64, measured as f64), (0.0, 0.0), samples)
    }

    /// A duration that may be off by `percent`, and by `path` for the path between the clock in user space and the hook.
    #[must_use]
    pub fn within(
        measure: impl Into<String>,
        (expected_ns, measured_ns): (f64, f64),
        percent: f64,
        path: Duration,
        samples: u64,
    ) -> Self {
        let allowed = expected_ns * percent / 100.0 + nanos(path);
        Self::new(measure, Unit::Nanoseconds, (expected_ns, measured_ns), (allowed, allowed), samples)
    }

    /// A duration that lies within another one, which is measured further out: the inner may be shorter by `path`, and
    /// not longer, except for the width of a histogram's bucket.
    #[must_use]
    pub fn nested(
        measure: impl Into<String>,
        (outer_ns, measured_ns): (f64, f64),
        path: Duration,
        samples: u64,
    ) -> Self {
        // However long the path takes, some of the duration remains.
        let below = (nanos(path) + outer_ns * BUCKET).min(outer_ns * (1.0 - LEAST));
        let allowed = (below, outer_ns * BUCKET);
        Self::new(measure, Unit::Nanoseconds, (outer_ns, measured_ns), allowed, samples)
    }
}

/// The maximum relative error of a quantile.
const BUCKET: f64 = 0.125;
/// The minimum share of an outer duration that the inner one takes.
const LEAST: f64 = 0.05;

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// All measurements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// The rows, in the order in which they were measured.
    pub rows: Vec<Row>,
    /// Whether all rows are within bounds, and there is one.
    pub within_bounds: bool,
    /// Duration of the selftest.
    pub seconds: f64,
}

impl Scorecard {
    /// Creates the scorecard of `rows`. Without rows it is out of bounds.
    #[must_use]
    pub fn new(rows: Vec<Row>, took: Duration) -> Self {
        let within_bounds = !rows.is_empty() && rows.iter().all(|row| row.within_bounds);
        Self { rows, within_bounds, seconds: took.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_off_by_one_is_out_of_bounds_and_so_is_its_scorecard() {
        let right = Row::exact("packets", Unit::Count, 50, 50, 50);
        assert!(right.within_bounds);
        for wrong in [49, 51] {
            let row = Row::exact("packets", Unit::Count, 50, wrong, 50);
            assert!(!row.within_bounds, "{wrong}");
            assert!(!Scorecard::new(vec![right.clone(), row], Duration::ZERO).within_bounds, "{wrong}");
        }
        assert!(Scorecard::new(vec![right], Duration::ZERO).within_bounds);
        assert!(!Scorecard::new(Vec::new(), Duration::ZERO).within_bounds);
    }

    #[test]
    fn a_delay_may_be_off_by_its_percentage_and_not_by_more() {
        let path = Duration::from_micros(100);
        let row = |measured| Row::within("delay", (50e6, measured), 2.0, path, 20).within_bounds;
        assert!(row(50.9e6) && row(49.0e6));
        assert!(!row(51.2e6) && !row(48.8e6));
    }

    #[test]
    fn a_nested_duration_is_not_longer_than_the_outer_one() {
        let row = |measured| {
            Row::nested("echo", (20_000.0, measured), Duration::from_micros(50), 100).within_bounds
        };
        assert!(row(4_000.0) && row(22_000.0));
        assert!(!row(23_000.0), "longer than what user space saw");
        assert!(!row(0.0), "nothing takes no time");
        assert!(!Row::nested("echo", (200_000.0, 50_000.0), Duration::from_micros(50), 100).within_bounds);
    }

    #[test]
    fn a_measure_without_a_number_or_without_samples_is_out_of_bounds() {
        assert!(!Row::nested("echo", (20_000.0, f64::NAN), Duration::from_micros(50), 100).within_bounds);
        assert!(!Row::exact("packets", Unit::Count, 0, 0, 0).within_bounds);
    }
}
