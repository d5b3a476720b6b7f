//! The value of a figure in a run, or in several, and how far it may be off.

/// With fewer batches, neither their spread nor their resemblance is known.
pub const MIN_BATCHES: usize = 10;
/// The resemblance of neighbouring batches that is corrected for at most. Beyond it, hardly a batch would be left.
const MAX_CORRELATION: f64 = 0.95;
/// How many stretches of a run are compared with each other, besides neighbouring batches.
const STRETCHES: usize = 8;

/// The variance that stretches suggest exceeds the one of independent neighbours by more than this with a probability of 5 %.
const CHANCE: f64 = 2.0;

/// The part of the batches that is too high for a calm one. A busy host makes every duration longer and none shorter.
const BUSY: f64 = 0.4;
/// The part of the batches that is too low for a calm one.
const LOW: f64 = 0.1;

/// A value and its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value, on the scale of its statistic.
    pub value: f64,
    /// The variance of the value: its expected squared error.
    pub variance: f64,
    /// The degrees of freedom of the variance: on how many independent numbers it is based, less one.
    pub freedom: f64,
    /// The batches, or the runs, that it is based on.
    pub samples: usize,
    /// How far the true value may be below and above `value` because buckets have a width.
    pub slack: [f64; 2],
}

impl Estimate {
    /// Returns the mean of a number for each batch, in their order. Returns `None` for fewer than [`MIN_BATCHES`].
    ///
    /// If neighbours resemble each other, the mean is less certain than the spread suggests. It is taken to be as uncertain
    /// as one of fewer, independent batches, and as uncertain as the spread of eight stretches of the run suggests, whichever
    /// is more: the first sees what lasts for a few batches, the second what lasts for longer.
    #[must_use]
    pub fn of_batches(values: &[f64]) -> Option<Self> {
        if values.len() < MIN_BATCHES {
            return None;
        }
        let (value, samples) = (mean(values), values.len());
        let (of_neighbours, of_stretches) = (error_of_neighbours(values), error_of_stretches(values));
        let variance = of_stretches.0.max(of_neighbours.0);
        // Eight stretches differ a little by chance. Beyond that, they are what the error is known from.
        let is_slow = of_stretches.0 > CHANCE * of_neighbours.0;
        let freedom = if is_slow { of_stretches.1.min(of_neighbours.1) } else { of_neighbours.1 };
        Some(Self { value, variance, freedom, samples, slack: [0.0; 2] })
    }

    /// Returns the mean of the calm batches: without the lowest tenth, and without the highest four tenths, during which the
    /// host was busy with something else. Returns `None` for fewer than [`MIN_BATCHES`].
    ///
    /// Its error is that of a trimmed mean (Yuen, Biometrika 61, 1974): of the values with those outside moved to the edges.
    #[must_use]
    pub fn of_calm_batches(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let [low, high] = [LOW, BUSY].map(|part| part_of(values.len(), part));
        let calm = sorted.get(low..sorted.len() - high).filter(|calm| !calm.is_empty())?;
        let (lowest, highest) = (calm[0], calm[calm.len() - 1]);
        let moved: Vec<f64> = values.iter().map(|value| value.clamp(lowest, highest)).collect();
        let of_moved = Self::of_batches(&moved)?;
        let kept = count(calm.len()) / count(values.len());
        // Fewer values are left of which each is a number of its own; of the stretches, all are.
        let left = (of_moved.freedom + 1.0) * kept - 1.0;
        let freedom = left.max(of_moved.freedom.min(count(STRETCHES - 1)));
        Some(Self { value: mean(calm), variance: of_moved.variance / kept.powi(2), freedom, ..of_moved })
    }

    /// Returns the mean of several runs, whose spread has what changes from run to run as well. Returns the estimate itself
    /// for one run, and `None` for none.
    #[must_use]
    pub fn of_runs(runs: &[Self]) -> Option<Self> {
        if let [] | [_] = runs {
            return runs.first().copied();
        }
        let values: Vec<f64> = runs.iter().map(|run| run.value).collect();
        let (value, number) = (mean(&values), count(runs.len()));
        let between = values.iter().map(|run| (run - value).powi(2)).sum::<f64>() / (number - 1.0);
        let slack = [0, 1].map(|at| runs.iter().map(|run| run.slack[at]).sum::<f64>() / number);
        Some(Self { value, variance: between / number, freedom: number - 1.0, samples: runs.len(), slack })
    }

    /// Returns this estimate of one run with the spread between the runs of the other side, if that is larger than its own.
    #[must_use]
    pub fn with_spread_of(self, runs: &Self) -> Self {
        let between = runs.variance * count(runs.samples);
        if between > self.variance { Self { variance: between, freedom: runs.freedom, ..self } } else { self }
    }
}

/// Returns the variance of the mean of values of which each resembles the one before, and its degrees of freedom (von Storch
/// and Zwiers, Statistical Analysis in Climate Research, 6.6.8).
fn error_of_neighbours(values: &[f64]) -> (f64, f64) {
    let (number, correlation) = (count(values.len()), safe_correlation(values));
    let independent = number * (1.0 - correlation) / (1.0 + correlation);
    // Resemblance makes the spread itself too small, too: it is around a mean that follows the values.
    let spread = spread(values) * (1.0 - 1.0 / number) / (1.0 - 1.0 / independent.max(1.5));
    (spread / independent, (independent - 1.0).max(1.0))
}

/// Returns the variance of the mean by the spread of the means of a few stretches, and its degrees of freedom.
fn error_of_stretches(values: &[f64]) -> (f64, f64) {
    let stretches: Vec<f64> = values.chunks_exact(values.len() / STRETCHES).map(mean).collect();
    let number = count(stretches.len());
    (spread(&stretches) / number, number - 1.0)
}

/// Returns the correlation of neighbouring values, increased by its standard error: values that look independent by chance
/// are the ones that false alarms are made of.
fn safe_correlation(values: &[f64]) -> f64 {
    let (mean, number) = (mean(values), count(values.len()));
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    // The mean is that of the same values, which makes the estimate too small by about 1/n.
    let estimate = if squares > 0.0 { products / squares + 1.0 / number } else { 0.0 };
    (estimate + 1.0 / number.sqrt()).clamp(0.0, MAX_CORRELATION)
}

/// Returns this part of a number, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the part is within 0 and 1, and there are at most a few thousand values"
)]
fn part_of(number: usize, part: f64) -> usize {
    (part * count(number)) as usize
}

fn spread(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count(values.len()) - 1.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a few thousand values")]
fn count(values: usize) -> f64 {
    values as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_from_their_neighbours_have_the_error_of_a_mean() {
        let values: Vec<f64> = (0..64).map(|at| f64::from(at % 2)).collect();
        let estimate = Estimate::of_batches(&values).unwrap();
        assert_eq!((estimate.value, estimate.freedom, estimate.samples), (0.5, 63.0, 64));
        assert!((estimate.variance - 16.0 / 63.0 / 64.0).abs() < 1e-12, "{estimate:?}");
    }

    #[test]
    fn values_that_resemble_their_neighbours_are_worth_fewer() {
        let rising: Vec<f64> = (0..64).map(f64::from).collect();
        let mixed: Vec<f64> = (0..64).map(|at| f64::from((at * 27) % 64)).collect();
        let (rising, mixed) = (Estimate::of_batches(&rising).unwrap(), Estimate::of_batches(&mixed).unwrap());
        assert_eq!(rising.value, mixed.value);
        assert!(rising.variance > 30.0 * mixed.variance, "{rising:?} {mixed:?}");
        assert!(rising.freedom < 0.1 * mixed.freedom, "{rising:?} {mixed:?}");
    }

    #[test]
    fn a_slow_change_below_much_noise_is_seen_by_the_stretches() {
        let values: Vec<f64> =
            (0..64).map(|at| f64::from(at % 2) + if at < 32 { 0.0 } else { 0.7 }).collect();
        let (of_neighbours, of_stretches) = (error_of_neighbours(&values), error_of_stretches(&values));
        assert!(of_stretches.0 > CHANCE * of_neighbours.0, "{of_stretches:?} {of_neighbours:?}");
        assert_eq!(Estimate::of_batches(&values).unwrap().freedom, 7.0);
    }

    #[test]
    fn a_busy_third_of_a_run_hardly_changes_the_mean_of_its_calm_batches() {
        let calm: Vec<f64> = (0..60).map(|at| 10.0 + 0.1 * f64::from((at * 7) % 10)).collect();
        let busy = calm.iter().zip(0..).map(|(value, at)| if at % 3 == 0 { value + 20.0 } else { *value });
        let busy: Vec<f64> = busy.collect();
        let [calm, of_busy] = [&calm, &busy].map(|values| Estimate::of_calm_batches(values).unwrap());
        assert!((of_busy.value - calm.value).abs() < 0.2, "{of_busy:?} {calm:?}");
        assert!(of_busy.variance < 3.0 * calm.variance, "{of_busy:?} {calm:?}");
        assert!(Estimate::of_batches(&busy).unwrap().variance > 100.0 * of_busy.variance);
        assert_eq!(Estimate::of_calm_batches(&busy[..MIN_BATCHES - 1]), None);
    }

    #[test]
    fn too_few_batches_have_no_estimate_and_equal_ones_no_error() {
        assert_eq!(Estimate::of_batches(&[1.0; MIN_BATCHES - 1]), None);
        assert_eq!(Estimate::of_batches(&[1.0; MIN_BATCHES]).unwrap().variance, 0.0);
    }

    #[test]
    fn several_runs_have_the_spread_between_them() {
        let run = |value| Estimate { value, variance: 1e-9, freedom: 19.0, samples: 20, slack: [0.1, 0.2] };
        assert_eq!(Estimate::of_runs(&[run(4.0)]), Some(run(4.0)));
        assert_eq!(Estimate::of_runs(&[]), None);
        let three = Estimate::of_runs(&[run(1.0), run(2.0), run(3.0)]).unwrap();
        assert_eq!((three.value, three.freedom, three.samples), (2.0, 2.0, 3));
        assert!((three.variance - 1.0 / 3.0).abs() < 1e-12);
        let alone = run(4.0).with_spread_of(&three);
        assert_eq!((alone.value, alone.freedom), (4.0, 2.0));
        assert!((alone.variance - 1.0).abs() < 1e-12, "one run is less certain than the mean of three");
    }
}
