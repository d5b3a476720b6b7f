//! Medians of runs, and the spread around them.

use serde::Serialize;

/// Quartiles and extremes, in the unit of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The lowest value.
    pub lowest: f64,
    /// A quarter of the values are below.
    pub lower_quartile: f64,
    /// Half of the values are below.
    pub median: f64,
    /// Three quarters of the values are below.
    pub upper_quartile: f64,
    /// The highest value.
    pub highest: f64,
}

impl Spread {
    /// Calculates the spread of `values`, in any order. Without values, all fields are zero.
    #[must_use]
    pub fn from_values(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            lowest: quantile(&values, 0.0),
            lower_quartile: quantile(&values, 0.25),
            median: quantile(&values, 0.5),
            upper_quartile: quantile(&values, 0.75),
            highest: quantile(&values, 1.0),
        }
    }
}

/// Interpolates linearly if the quantile falls between two values.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "there are at most a few thousand values"
)]
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = q * last as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}

/// A measurement without and with hooks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The runs with hooks off.
    pub off: Spread,
    /// The runs with hooks on.
    pub on: Spread,
    /// On minus off, pair by pair.
    pub difference: Spread,
    /// The median difference, in percent of the median without hooks.
    pub percent: f64,
    /// Whether zero is within the middle half of the differences: then they are no more than noise.
    pub within_noise: bool,
}

impl Difference {
    /// Compares runs. Those of the same index are a pair.
    #[must_use]
    pub fn from_runs(off: &[f64], on: &[f64]) -> Self {
        let difference = Spread::from_values(off.iter().zip(on).map(|(off, on)| on - off).collect());
        let (off, on) = (Spread::from_values(off.to_vec()), Spread::from_values(on.to_vec()));
        let percent = if off.median > 0.0 { 100.0 * difference.median / off.median } else { 0.0 };
        let within_noise = difference.lower_quartile <= 0.0 && difference.upper_quartile >= 0.0;
        Self { off, on, difference, percent, within_noise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_five_are_the_second_and_the_fourth() {
        let spread = Spread::from_values(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((spread.lowest, spread.median, spread.highest), (1.0, 3.0, 5.0));
        assert_eq!((spread.lower_quartile, spread.upper_quartile), (2.0, 4.0));
        assert_eq!(Spread::from_values(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::from_values(Vec::new()), Spread::default());
    }

    #[test]
    fn a_drift_of_the_machine_is_no_difference_and_a_constant_cost_is() {
        let off = [10.0, 11.0, 12.0, 13.0, 20.0];
        let dearer: Vec<f64> = off.iter().map(|us| us + 1.0).collect();
        let difference = Difference::from_runs(&off, &dearer);
        assert_eq!(difference.difference.median, 1.0);
        assert!(!difference.within_noise);
        assert!((difference.percent - 100.0 / 12.0).abs() < 1e-9);
        let noisy = Difference::from_runs(&off, &[11.0, 10.0, 13.0, 12.0, 20.0]);
        assert!(noisy.within_noise, "{noisy:?}");
    }
}
