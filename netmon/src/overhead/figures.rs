//! Medians, and how far apart what they are of lies.

use serde::Serialize;

/// A median and its spread, in the unit of what went in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The lowest.
    pub lowest: f64,
    /// A quarter is below.
    pub lower_quartile: f64,
    /// Half is below.
    pub median: f64,
    /// Three quarters are below.
    pub upper_quartile: f64,
    /// The highest.
    pub highest: f64,
}

impl Spread {
    /// Of these, in any order; all zero of none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
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

/// Between the two values next to it, where it falls between two.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "there are a few thousand values at the most"
)]
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = q * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// A measure without and with hooks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The runs with hooks off.
    pub off: Spread,
    /// The runs with hooks on.
    pub on: Spread,
    /// On less off, pair by pair.
    pub difference: Spread,
    /// The median difference as a part of the median without hooks, in percent.
    pub percent: f64,
    /// Whether the middle half of the differences has zero in it: then they are no more than noise.
    pub within_noise: bool,
}

impl Difference {
    /// Of runs that belong together by their place.
    #[must_use]
    pub fn of(off: &[f64], on: &[f64]) -> Self {
        let difference = Spread::of(off.iter().zip(on).map(|(off, on)| on - off).collect());
        let (off, on) = (Spread::of(off.to_vec()), Spread::of(on.to_vec()));
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
        let spread = Spread::of(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((spread.lowest, spread.median, spread.highest), (1.0, 3.0, 5.0));
        assert_eq!((spread.lower_quartile, spread.upper_quartile), (2.0, 4.0));
        assert_eq!(Spread::of(vec![1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn a_drift_of_the_machine_is_no_difference_and_a_constant_cost_is() {
        let off = [10.0, 11.0, 12.0, 13.0, 20.0];
        let dearer: Vec<f64> = off.iter().map(|us| us + 1.0).collect();
        let difference = Difference::of(&off, &dearer);
        assert_eq!(difference.difference.median, 1.0);
        assert!(!difference.within_noise);
        assert!((difference.percent - 100.0 / 12.0).abs() < 1e-9);
        let noisy = Difference::of(&off, &[11.0, 10.0, 13.0, 12.0, 20.0]);
        assert!(noisy.within_noise, "{noisy:?}");
    }
}
