//! Two sides held against each other: which figures are worse, by how much, and how sure that is.
//!
//! All figures of a comparison share one bound on false alarms: a thousand figures that are each wrong once in a thousand
//! times would be wrong every time. Each interval is made so wide that all of them together miss with at most the stated
//! probability (Bonferroni). A figure regressed if its whole interval is beyond the bound.

mod judge;
mod notes;
mod settings;
mod side;

use std::collections::BTreeSet;

use serde::Serialize;

use self::side::Side;
pub use self::{
    judge::{Test, Unit, Verdict},
    notes::Note,
    settings::Settings,
};
use crate::{
    batches::Run,
    series::Series,
    statistics::{difference::Difference, estimate::Estimate, statistic::Statistic},
};

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How it was made.
    pub settings: Settings,
    /// Every figure that could be compared, in the order of their places.
    pub tests: Vec<Test>,
    /// The figures that the old side has observed all along, and the new one hardly or not at all.
    pub gone: Vec<Series>,
    /// The figures of which a side has too few observations.
    pub untested: Vec<Series>,
    /// What else differs between the sides, or limits the comparison.
    pub notes: Vec<Note>,
}

impl Comparison {
    /// Returns whether the new side is worse: a figure regressed, or is gone.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        !self.gone.is_empty() || self.tests.iter().any(|test| test.verdict == Verdict::Regressed)
    }
}

/// Compares two sides, each of one run or of several that were recorded alike.
#[must_use]
pub fn compare(old: &[Run], new: &[Run], settings: &Settings) -> Comparison {
    let notes = notes::of(old, new);
    let (mut pairs, mut gone, mut untested) = (Vec::new(), Vec::new(), Vec::new());
    for series in all_series(old, new, settings) {
        let (before, after) = (Side::of(old, series), Side::of(new, series));
        if after.is_gone(&before) {
            gone.push(series.clone());
            continue;
        }
        let found = pairs_of(series, &before, &after);
        if found.is_empty() && !(before.is_idle() && after.is_idle()) {
            untested.push(series.clone());
        }
        pairs.extend(found);
    }
    let tail = settings.tail(pairs.len());
    let tests = pairs.iter().map(|pair| Test::judge(pair, tail, settings)).collect();
    Comparison { settings: settings.clone(), tests, gone, untested, notes }
}

/// A statistic of both sides.
struct Pair<'a> {
    series: &'a Series,
    statistic: Statistic,
    old: Estimate,
    difference: Difference,
    new: Estimate,
}

fn all_series<'a>(old: &'a [Run], new: &'a [Run], settings: &Settings) -> BTreeSet<&'a Series> {
    let all = old.iter().chain(new).flat_map(|run| &run.summary.series);
    all.filter(|series| settings.includes(series)).collect()
}

/// Returns the statistics of a series that both sides have.
fn pairs_of<'a>(series: &'a Series, before: &Side, after: &Side) -> Vec<Pair<'a>> {
    let stall = before.stall_bucket().max(after.stall_bucket());
    let pair = |statistic: &Statistic| {
        let (old, new) = (before.estimate(*statistic, stall)?, after.estimate(*statistic, stall)?);
        let (old, new) = match (before.runs(), after.runs()) {
            (1, 2..) => (old.with_spread_of(&new), new),
            (2.., 1) => (old, new.with_spread_of(&old)),
            _ => (old, new),
        };
        let difference = Difference::between(&old, &new);
        Some(Pair { series, statistic: *statistic, old, difference, new })
    };
    Statistic::of(series.figure.kind()).iter().filter_map(pair).collect()
}
