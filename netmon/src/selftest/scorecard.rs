//! The accuracy card: what was expected, what was measured, and whether that is good enough.

use std::time::Duration;

use serde::Serialize;

/// What a row's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Packets, or whatever else is counted one by one.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
}

/// One measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub measure: String,
    /// The unit of the numbers.
    pub unit: Unit,
    /// What it should be.
    pub expected: f64,
    /// What netmon says.
    pub measured: f64,
    /// Measured less expected.
    pub error: f64,
    /// How far below the expected it may be.
    pub allowed_below: f64,
    /// How far above the expected it may be.
    pub allowed_above: f64,
    /// How many observations are behind it.
    pub samples: u64,
    /// Whether the error is within what is allowed.
    pub within_bounds: bool,
}

impl Row {
    fn of(
        measure: impl Into<String>,
        unit: Unit,
        (expected, measured): (f64, f64),
        (allowed_below, allowed_above): (f64, f64),
        samples: u64,
    ) -> Self {
        let error = measured - expected;
        // What is no number is not within anything.
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

    /// A count, which is right or wrong.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a selftest counts far below 2^53")]
    pub fn exact(measure: impl Into<String>, unit: Unit, expected: u64, measured: u64, samples: u64) -> Self {
        Self::of(measure, unit, (expected as f64, measured as f64), (0.0, 0.0), samples)
    }

    /// A duration that may be off by so many percent, and by so much for the way between the clock in user space
    /// and the hook.
    #[must_use]
    pub fn within(
        measure: impl Into<String>,
        (expected_ns, measured_ns): (f64, f64),
        percent: f64,
        way: Duration,
        samples: u64,
    ) -> Self {
        let allowed = expected_ns * percent / 100.0 + nanos(way);
        Self::of(measure, Unit::Nanoseconds, (expected_ns, measured_ns), (allowed, allowed), samples)
    }

    /// A duration that lies within another: as that is seen from further out, it may be longer by the way between,
    /// and not shorter, but for the width of a histogram's bucket.
    #[must_use]
    pub fn nested(
        measure: impl Into<String>,
        (outer_ns, measured_ns): (f64, f64),
        way: Duration,
        samples: u64,
    ) -> Self {
        // However long the way between is, something is left.
        let below = (nanos(way) + outer_ns * BUCKET).min(outer_ns * (1.0 - LEAST));
        let allowed = (below, outer_ns * BUCKET);
        Self::of(measure, Unit::Nanoseconds, (outer_ns, measured_ns), allowed, samples)
    }
}

/// The most that a quantile is off.
const BUCKET: f64 = 0.125;
/// The least part of a duration that what lies within it takes.
const LEAST: f64 = 0.05;

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// All measures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    /// In the order in which they were taken.
    pub rows: Vec<Row>,
    /// Whether all are.
    pub within_bounds: bool,
    /// How long it took.
    pub seconds: f64,
}

impl Scorecard {
    /// The card of these rows. One without rows has nothing to be right about.
    #[must_use]
    pub fn of(rows: Vec<Row>, took: Duration) -> Self {
        let within_bounds = !rows.is_empty() && rows.iter().all(|row| row.within_bounds);
        Self { rows, within_bounds, seconds: took.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_off_by_one_is_out_of_bounds_and_so_is_its_card() {
        let right = Row::exact("packets", Unit::Count, 50, 50, 50);
        assert!(right.within_bounds);
        for wrong in [49, 51] {
            let row = Row::exact("packets", Unit::Count, 50, wrong, 50);
            assert!(!row.within_bounds, "{wrong}");
            assert!(!Scorecard::of(vec![right.clone(), row], Duration::ZERO).within_bounds, "{wrong}");
        }
        assert!(Scorecard::of(vec![right], Duration::ZERO).within_bounds);
        assert!(!Scorecard::of(Vec::new(), Duration::ZERO).within_bounds);
    }

    #[test]
    fn a_delay_may_be_off_by_its_percentage_and_not_by_more() {
        let way = Duration::from_micros(100);
        let row = |measured| Row::within("delay", (50e6, measured), 2.0, way, 20).within_bounds;
        assert!(row(50.9e6) && row(49.0e6));
        assert!(!row(51.2e6) && !row(48.8e6));
    }

    #[test]
    fn what_is_within_is_not_longer_than_what_is_around_it() {
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
