//! Quantiles of Student's t distribution, far into its tails.

use statrs::function::beta::beta_reg;

/// Returns the value that a variable of Student's distribution exceeds with probability `tail` (above 0, at most 0.5).
///
/// The tail of one test among ten thousand is below 1e-7, which tables and approximations do not reach. So the exact tail
/// is searched by bisection, to twelve digits.
///
/// ```
/// use netmon_compare::statistics::student::quantile;
///
/// // The 97.5th percentile of ten degrees of freedom, as in any table.
/// assert!((quantile(0.025, 10.0) - 2.228_139).abs() < 1e-6);
/// ```
#[must_use]
pub fn quantile(tail: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while self::tail(high, freedom) > tail && high < 1e12 {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if self::tail(middle, freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= 1e-12 * high {
            break;
        }
    }
    high
}

/// Returns the probability that a variable of Student's distribution exceeds `t`, which is not negative.
fn tail(t: f64, freedom: f64) -> f64 {
    // The tail is half of the regularized incomplete beta function (Abramowitz and Stegun, 26.7.1).
    0.5 * beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Closed forms for one and two degrees of freedom; the others are from published tables.
        let known = [
            (0.025, 1.0, 12.706_205),
            (0.025, 2.0, 4.302_653),
            (0.0005, 10.0, 4.586_894),
            (0.0005, 30.0, 3.645_959),
            (0.005, 5.0, 4.032_143),
            (0.05, 120.0, 1.657_651),
        ];
        for (tail, freedom, expected) in known {
            let found = quantile(tail, freedom);
            assert!((found - expected).abs() < 1e-5, "{tail} of {freedom}: {found}, not {expected}");
        }
    }

    #[test]
    fn far_tails_agree_with_the_closed_form_of_two_degrees_of_freedom() {
        for tail in [1e-3_f64, 1e-6, 1e-9, 1e-12] {
            let p = 1.0 - 2.0 * tail;
            let closed = p * (2.0 / (4.0 * tail * (1.0 - tail))).sqrt();
            assert!((quantile(tail, 2.0) / closed - 1.0).abs() < 1e-6, "{tail}");
        }
    }

    #[test]
    fn more_freedom_and_larger_tails_have_smaller_quantiles() {
        assert!(quantile(1e-5, 5.0) > quantile(1e-5, 6.0));
        assert!(quantile(1e-5, 5.0) > quantile(1e-4, 5.0));
        assert!(quantile(0.5, 5.0) < 1e-6);
    }
}
