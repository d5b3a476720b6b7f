//! Durations that user space measured, and rounds of them beside netmon's.
//!
//! A machine that is busy lets user space wait now and then, and its clock with it, which says nothing about
//! netmon. That makes what user space sees longer and never shorter. So a delay is measured in several rounds,
//! each compared by itself, and the one is shown in which user space waited least.

use std::time::Duration;

use netmon_model::histogram::Histogram;

use super::Row;
use crate::overhead::Spread;

/// Durations that user space measured.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<f64>);

impl Seen {
    pub(super) fn add(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64() * 1e9);
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    fn mean_ns(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    pub(super) fn median_ns(&self) -> f64 {
        Spread::of(self.0.clone()).median
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Means of rounds: in user space, and netmon's.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    means: Vec<(f64, f64)>,
    samples: u64,
}

impl Rounds {
    /// A round. One without an observation on either side is a mean that is no number.
    pub(super) fn add(&mut self, seen: &Seen, measured: &Histogram) {
        self.means.push((seen.mean_ns(), measured.mean_ns().unwrap_or(f64::NAN)));
        self.samples += measured.count;
    }

    /// The round in which user space was least late beside netmon. One that is no number comes before all.
    pub(super) fn row(self, measure: &str, percent: f64, way: Duration) -> Row {
        let error = |(seen, measured): &(f64, f64)| {
            if (measured - seen).is_nan() { f64::INFINITY } else { measured - seen }
        };
        let best = self.means.into_iter().max_by(|one, other| error(one).total_cmp(&error(other)));
        Row::within(measure, best.unwrap_or((f64::NAN, f64::NAN)), percent, way, self.samples)
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures::histogram_of;

    use super::*;

    fn rounds(means_us: &[(u64, u64)]) -> Rounds {
        let mut rounds = Rounds::default();
        for &(seen_us, measured_us) in means_us {
            let mut seen = Seen::default();
            seen.add(Duration::from_micros(seen_us));
            rounds.add(&seen, &histogram_of([measured_us * 1000]));
        }
        rounds
    }

    fn is_within(means_us: &[(u64, u64)]) -> bool {
        rounds(means_us).row("delay", 2.0, Duration::ZERO).within_bounds
    }

    #[test]
    fn rounds_in_which_user_space_had_to_wait_decide_nothing() {
        let row =
            rounds(&[(12_000, 10_000), (14_000, 10_000), (10_020, 10_000)]).row("delay", 2.0, Duration::ZERO);
        assert!(row.within_bounds, "{row:?}");
        assert_eq!((row.expected, row.samples), (10_020_000.0, 3));
    }

    #[test]
    fn a_delay_that_is_told_too_short_in_all_rounds_or_too_long_in_one_is_out_of_bounds() {
        assert!(!is_within(&[(10_000, 9_000), (10_100, 9_000), (12_000, 9_100)]));
        assert!(!is_within(&[(10_000, 10_000), (10_000, 11_000), (10_000, 10_000)]));
        assert!(!rounds(&[]).row("delay", 2.0, Duration::ZERO).within_bounds);
    }

    #[test]
    fn a_round_of_which_netmon_says_nothing_is_out_of_bounds() {
        let mut with_silence = rounds(&[(10_000, 10_000)]);
        let mut seen = Seen::default();
        seen.add(Duration::from_micros(10_000));
        with_silence.add(&seen, &Histogram::default());
        assert!(!with_silence.row("delay", 2.0, Duration::ZERO).within_bounds);
    }
}
