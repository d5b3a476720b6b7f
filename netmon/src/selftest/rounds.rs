//! Durations measured in user space, in rounds, beside netmon's.
//!
//! On a busy host the scheduler sometimes delays user space, and with it the clock that netmon is compared with. That
//! makes durations in user space longer, never shorter. So a delay is measured in several rounds, each compared on its
//! own, and the scorecard shows the round in which user space was delayed least.

use std::time::Duration;

use netmon_model::histogram::Histogram;

use super::Row;
use crate::overhead::Spread;

/// Durations measured in user space, nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Timings(Vec<f64>);

impl Timings {
    pub(super) fn add(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64() * 1e9);
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    fn mean_ns(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    pub(super) fn median_ns(&self) -> f64 {
        Spread::from_values(self.0.clone()).median
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// The means of each round: user space's and netmon's.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    means: Vec<(f64, f64)>,
    samples: u64,
}

impl Rounds {
    /// Adds a round. A side without an observation has the mean NaN.
    pub(super) fn add(&mut self, timings: &Timings, measured: &Histogram) {
        self.means.push((timings.mean_ns(), measured.mean_ns().unwrap_or(f64::NAN)));
        self.samples += measured.count;
    }

    /// Returns the round in which user space was delayed least. A round with a NaN takes precedence, so that it fails.
    pub(super) fn row(self, measure: &str, percent: f64, path: Duration) -> Row {
        let error = |(expected, measured): &(f64, f64)| {
            if (measured - expected).is_nan() { f64::INFINITY } else { measured - expected }
        };
        let best = self.means.into_iter().max_by(|one, other| error(one).total_cmp(&error(other)));
        Row::within(measure, best.unwrap_or((f64::NAN, f64::NAN)), percent, path, self.samples)
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures::histogram_of;

    use super::*;

    fn rounds(means_us: &[(u64, u64)]) -> Rounds {
        let mut rounds = Rounds::default();
        for &(expected_us, measured_us) in means_us {
            let mut timings = Timings::default();
            timings.add(Duration::from_micros(expected_us));
            rounds.add(&timings, &histogram_of([measured_us * 1000]));
        }
        rounds
    }

    fn is_within(means_us: &[(u64, u64)]) -> bool {
        rounds(means_us).row("delay", 2.0, Duration::ZERO).within_bounds
    }

    #[test]
    fn rounds_in_which_user_space_was_delayed_do_not_decide() {
        let row =
            rounds(&[(12_000, 10_000), (14_000, 10_000), (10_020, 10_000)]).row("delay", 2.0, Duration::ZERO);
        assert!(row.within_bounds, "{row:?}");
        assert_eq!((row.expected, row.samples), (10_020_000.0, 3));
    }

    #[test]
    fn a_delay_too_short_in_all_rounds_or_too_long_in_one_is_out_of_bounds() {
        assert!(!is_within(&[(10_000, 9_000), (10_100, 9_000), (12_000, 9_100)]));
        assert!(!is_within(&[(10_000, 10_000), (10_000, 11_000), (10_000, 10_000)]));
        assert!(!rounds(&[]).row("delay", 2.0, Duration::ZERO).within_bounds);
    }

    #[test]
    fn a_round_that_netmon_did_not_measure_is_out_of_bounds() {
        let mut with_silence = rounds(&[(10_000, 10_000)]);
        let mut timings = Timings::default();
        timings.add(Duration::from_micros(10_000));
        with_silence.add(&timings, &Histogram::default());
        assert!(!with_silence.row("delay", 2.0, Duration::ZERO).within_bounds);
    }
}
