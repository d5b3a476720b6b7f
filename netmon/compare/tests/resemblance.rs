//! Whether an interval is as often wrong as it says if each second resembles the one before.

#![expect(clippy::unwrap_used, reason = "a panic in a helper of a test is a failed test")]

use fastrand::Rng;
use netmon_compare::statistics::{difference::Difference, estimate::Estimate};

/// An interval misses on either side with this probability.
const TAIL: f64 = 1e-3;
const PAIRS: u32 = 20_000;

/// A number of the standard normal distribution (Box and Muller, 1958).
fn normal(random: &mut Rng) -> f64 {
    let (radius, angle) = (1.0 - random.f64(), random.f64());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Seconds of which each resembles the one before.
fn seconds(number: usize, correlation: f64, random: &mut Rng) -> Vec<f64> {
    let mut last = normal(random);
    let fresh = (1.0 - correlation * correlation).sqrt();
    let mut next = |_| {
        last = correlation * last + fresh * normal(random);
        last
    };
    (0..number).map(&mut next).collect()
}

/// Returns how many of the intervals for the difference of equal runs do not contain 0.
fn misses(estimate_of: fn(&[f64]) -> Option<Estimate>, number: usize, correlation: f64) -> u32 {
    let mut random = Rng::with_seed(44);
    let mut estimate = || estimate_of(&seconds(number, correlation, &mut random)).unwrap();
    let mut is_missed = || {
        let [low, high] = Difference::between(&estimate(), &estimate()).interval(TAIL);
        low > 0.0 || high < 0.0
    };
    (0..PAIRS).map(|_| u32::from(is_missed())).sum()
}

/// Tests an estimate on seconds of several kinds.
fn assert_seldom_wrong(estimate_of: fn(&[f64]) -> Option<Estimate>) {
    // Expected are 40. More than 60 have a probability of 0.1 % if that is true.
    for (number, correlation) in [(60, 0.0), (60, 0.5), (60, 0.8), (30, 0.6), (20, 0.6)] {
        let misses = misses(estimate_of, number, correlation);
        println!("{number} seconds, correlation {correlation}: {misses} of {PAIRS} intervals miss");
        assert!(
            misses <= 60,
            "{number} seconds, correlation {correlation}: {misses} of {PAIRS} intervals miss"
        );
    }
}

#[test]
fn intervals_of_means_miss_as_seldom_as_they_say_if_seconds_resemble_each_other() {
    assert_seldom_wrong(Estimate::of_batches);
}

#[test]
fn intervals_of_calm_batches_miss_as_seldom_as_they_say_if_seconds_resemble_each_other() {
    assert_seldom_wrong(Estimate::of_calm_batches);
}
