//! How much two estimates differ, as an interval.

use super::{estimate::Estimate, student};

/// The difference of two estimates: the new one less the old one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The difference of the values.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// The degrees of freedom of the error.
    pub freedom: f64,
    /// How far the true difference may be below and above because buckets have a width.
    pub slack: [f64; 2],
}

impl Difference {
    /// Compares two estimates of independent runs, whose spreads may differ (Welch, Biometrika 34, 1947).
    #[must_use]
    pub fn between(old: &Estimate, new: &Estimate) -> Self {
        let variance = old.variance + new.variance;
        let part = |of: &Estimate| of.variance.powi(2) / of.freedom;
        let parts = part(old) + part(new);
        let freedom = if parts > 0.0 { variance.powi(2) / parts } else { old.freedom + new.freedom };
        let slack = [new.slack[0] + old.slack[1], new.slack[1] + old.slack[0]];
        Self { value: new.value - old.value, error: variance.sqrt(), freedom, slack }
    }

    /// Returns the interval that misses the true difference on either side with probability `tail`.
    #[must_use]
    pub fn interval(&self, tail: f64) -> [f64; 2] {
        let reach = if self.error > 0.0 { student::quantile(tail, self.freedom) * self.error } else { 0.0 };
        [self.value - reach - self.slack[0], self.value + reach + self.slack[1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, variance: f64, freedom: f64) -> Estimate {
        Estimate { value, variance, freedom, samples: 10, slack: [0.0; 2] }
    }

    #[test]
    fn the_interval_is_that_of_welch() {
        // Means of 20.6 and 22.1 with variances of the mean of 0.62 and 0.55 over 15 samples each: t(28) of 2.5 % is 2.05.
        let difference = Difference::between(&estimate(20.6, 0.62, 14.0), &estimate(22.1, 0.55, 14.0));
        assert!((difference.freedom - 27.9).abs() < 0.1, "{difference:?}");
        let [low, high] = difference.interval(0.025);
        assert!((low + 0.716).abs() < 2e-3 && (high - 3.716).abs() < 2e-3, "{low} {high}");
    }

    #[test]
    fn the_less_certain_side_decides_how_certain_the_difference_is() {
        let difference = Difference::between(&estimate(1.0, 1.0, 4.0), &estimate(1.0, 1e-9, 19.0));
        assert!((difference.freedom - 4.0).abs() < 1e-6);
    }

    #[test]
    fn the_width_of_buckets_widens_the_interval_even_without_an_error() {
        let old = Estimate { slack: [0.1, 0.2], ..estimate(1.0, 0.0, 4.0) };
        let new = Estimate { slack: [0.3, 0.4], ..estimate(2.0, 0.0, 4.0) };
        let [low, high] = Difference::between(&old, &new).interval(1e-6);
        assert!((low - 0.5).abs() < 1e-12 && (high - 1.5).abs() < 1e-12, "{low} {high}");
    }
}
