//! The verdict on one statistic of one figure.

use serde::Serialize;

use super::{Pair, Settings};
use crate::{
    series::{Kind, Series},
    statistics::statistic::{Scale, Statistic},
};

/// A statistic of a figure on both sides, and what the difference means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// The figure and its place.
    #[serde(flatten)]
    pub series: Series,
    /// The statistic.
    pub statistic: Statistic,
    /// The unit of `old` and `new`.
    pub unit: Unit,
    /// The old value.
    pub old: f64,
    /// The new value.
    pub new: f64,
    /// The change: relative to the old value, or of a share, in its own unit.
    pub change: f64,
    /// The lower limit of the change.
    pub change_low: f64,
    /// The upper limit of the change.
    pub change_high: f64,
    /// The batches, or runs, of the old side and of the new one.
    pub samples: [usize; 2],
    /// What it means.
    pub verdict: Verdict,
}

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// A share, from 0 to 1.
    Share,
    /// Bytes a second.
    BytesPerSecond,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Worse than before by more than the bound.
    Regressed,
    /// Better than before by more than the bound.
    Improved,
    /// Not worse than before by more than the bound.
    Unchanged,
    /// The interval is too wide to tell.
    Undecided,
}

/// A change and its limits, turned so that more is worse, and the absolute change that each is.
struct Worsening {
    low: f64,
    high: f64,
    low_absolute: f64,
    high_absolute: f64,
}

impl Test {
    /// Judges a pair. Its interval misses with probability `tail` on either side.
    pub(super) fn judge(pair: &Pair<'_>, tail: f64, settings: &Settings) -> Self {
        let kind = pair.series.figure.kind();
        let scale = pair.statistic.scale();
        let [low, high] = pair.difference.interval(tail).map(|limit| change(scale, limit));
        let (old, new) = (value(scale, pair.old.value), value(scale, pair.new.value));
        let worsening = Worsening::new(kind, scale, old, [low, high]);
        Self {
            series: pair.series.clone(),
            statistic: pair.statistic,
            unit: Unit::of(kind),
            old,
            new,
            change: change(scale, pair.difference.value),
            change_low: low,
            change_high: high,
            samples: [pair.old.samples, pair.new.samples],
            verdict: worsening.verdict(settings.bound(kind), settings.floor(kind)),
        }
    }
}

impl Unit {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Latency => Self::Ns,
            Kind::Share => Self::Share,
            Kind::Bytes => Self::BytesPerSecond,
        }
    }
}

impl Verdict {
    /// Returns its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Unchanged => "unchanged",
            Self::Undecided => "undecided",
        }
    }
}

impl Worsening {
    fn new(kind: Kind, scale: Scale, old: f64, [low, high]: [f64; 2]) -> Self {
        let absolute = |change: f64| if scale == Scale::Logarithmic { change * old } else { change };
        let (low, high) = if kind == Kind::Bytes { (-high, -low) } else { (low, high) };
        Self { low, high, low_absolute: absolute(low), high_absolute: absolute(high) }
    }

    fn verdict(&self, bound: f64, floor: f64) -> Verdict {
        if self.low > bound && self.low_absolute > floor {
            Verdict::Regressed
        } else if self.high < -bound && self.high_absolute < -floor {
            Verdict::Improved
        } else if self.high <= bound || self.high_absolute <= floor {
            Verdict::Unchanged
        } else {
            Verdict::Undecided
        }
    }
}

/// Returns the change that a difference is: relative to the old value, or absolute.
fn change(scale: Scale, difference: f64) -> f64 {
    match scale {
        Scale::Logarithmic => difference.exp_m1(),
        Scale::Linear => difference,
    }
}

fn value(scale: Scale, estimate: f64) -> f64 {
    match scale {
        Scale::Logarithmic => estimate.exp(),
        Scale::Linear => estimate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(old: f64, low: f64, high: f64) -> Verdict {
        Worsening::new(Kind::Latency, Scale::Logarithmic, old, [low, high]).verdict(0.05, 10_000.0)
    }

    #[test]
    fn a_latency_regressed_only_if_the_whole_interval_is_beyond_bound_and_floor() {
        assert_eq!(latency(1e6, 0.06, 0.14), Verdict::Regressed);
        assert_eq!(latency(1e6, 0.04, 0.14), Verdict::Undecided);
        assert_eq!(latency(1e6, 0.01, 0.05), Verdict::Unchanged);
        assert_eq!(latency(1e6, -0.14, -0.06), Verdict::Improved);
        assert_eq!(latency(1e6, -0.14, 0.02), Verdict::Unchanged);
        assert_eq!(latency(1e4, 0.06, 0.14), Verdict::Unchanged, "1.4 µs at most");
        assert_eq!(latency(1e4, 0.06, 2.0), Verdict::Undecided, "20 µs at most");
    }

    #[test]
    fn a_rate_is_worse_if_it_falls() {
        let rate = |low, high| {
            Worsening::new(Kind::Bytes, Scale::Logarithmic, 1e6, [low, high]).verdict(0.05, 1250.0)
        };
        assert_eq!(rate(-0.14, -0.06), Verdict::Regressed);
        assert_eq!(rate(0.06, 0.14), Verdict::Improved);
        assert_eq!(rate(-0.01, 0.14), Verdict::Unchanged);
    }

    #[test]
    fn a_share_is_compared_as_it_is() {
        let share =
            |low, high| Worsening::new(Kind::Share, Scale::Linear, 0.0, [low, high]).verdict(0.001, 0.0);
        assert_eq!(share(0.002, 0.01), Verdict::Regressed);
        assert_eq!(share(-0.01, 0.0005), Verdict::Unchanged);
        assert_eq!(share(0.0005, 0.01), Verdict::Undecided);
    }
}
