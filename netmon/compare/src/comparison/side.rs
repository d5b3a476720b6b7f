//! One side of a comparison: a series in one run or in several.

use netmon_model::histogram::Histogram;

use crate::{
    batches::{Batch, Run},
    series::{Amount, Kind, Latencies, Series},
    statistics::{
        estimate::{Estimate, MIN_BATCHES},
        statistic::{Statistic, histograms, stall_bucket},
    },
};

/// A figure is gone if the new side observed less than this part of what the old one did, in the same time.
const GONE: f64 = 0.01;

/// A series in some runs.
pub(super) struct Side {
    kind: Kind,
    runs: Vec<Vec<Batch>>,
}

impl Side {
    pub(super) fn of(runs: &[Run], series: &Series) -> Self {
        Self { kind: series.figure.kind(), runs: runs.iter().map(|run| run.batches(series)).collect() }
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Returns the estimate of all runs together. Returns `None` if one of them has too few observations.
    pub(super) fn estimate(&self, statistic: Statistic, stall: usize) -> Option<Estimate> {
        let estimate = |run: &Vec<Batch>| statistic.estimate(run, stall);
        Estimate::of_runs(&self.runs.iter().map(estimate).collect::<Option<Vec<_>>>()?)
    }

    /// Returns the first bucket that is not typical of the durations of all runs.
    pub(super) fn stall_bucket(&self) -> usize {
        let mut all = Histogram::default();
        self.runs.iter().flat_map(|run| histograms(run)).for_each(|histogram| all.add(histogram));
        stall_bucket(&all)
    }

    /// Returns whether nothing was observed.
    pub(super) fn is_idle(&self) -> bool {
        self.batches().all(|batch| batch.amount.is_zero())
    }

    /// Returns whether `before` observed this series all along, and this side hardly or not at all. A share does not go: the
    /// figure beside it does.
    pub(super) fn is_gone(&self, before: &Self) -> bool {
        let observed = before.batches().filter(|batch| observations(&batch.amount) > 0).count();
        let was_steady = observed >= MIN_BATCHES && 2 * observed >= before.batches().count();
        self.kind != Kind::Share && was_steady && self.per_second() < GONE * before.per_second()
    }

    /// Returns the observations a second. A run that does not know the series has none.
    #[expect(clippy::cast_precision_loss, reason = "what passes in a run is far below 2^53")]
    fn per_second(&self) -> f64 {
        let observed: u64 = self.batches().map(|batch| observations(&batch.amount)).sum();
        let seconds: f64 = self.batches().map(|batch| batch.seconds).sum();
        if seconds > 0.0 { observed as f64 / seconds } else { 0.0 }
    }

    fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.runs.iter().flatten()
    }
}

fn observations(amount: &Amount) -> u64 {
    match amount {
        Amount::Latency(Latencies(histogram)) => histogram.count,
        Amount::Share(share) => share.whole,
        Amount::Bytes(bytes) => *bytes,
    }
}
