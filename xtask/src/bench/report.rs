//! The comparison of two commits, as a table and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::{
    figures::Figure,
    interval::{Interval, median},
};

/// A comparison, with a row for every figure that both commits print.
#[derive(Debug)]
pub(super) struct Report<'r> {
    bench: &'r str,
    commit: &'r str,
    pairs: usize,
    rows: Vec<Row>,
    /// Names of figures that only one commit prints, or that cannot be compared.
    alone: Vec<String>,
}

/// A figure of both commits.
#[derive(Debug)]
struct Row {
    figure: Figure,
    old: f64,
    new: f64,
    /// Of new / old for each pair of runs, or of new - old.
    change: Interval,
}

/// The conclusion from an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Worse,
    Better,
    Open,
}

impl<'r> Report<'r> {
    /// Compares the runs of two commits. The runs at the same index are a pair.
    pub(super) fn new(bench: &'r str, commit: &'r str, old: &[Vec<Figure>], new: &[Vec<Figure>]) -> Self {
        let pairs: Vec<_> = old.iter().zip(new).collect();
        let named =
            |figures: &[Figure], name: &str| figures.iter().find(|figure| figure.name == name).cloned();
        let mut rows = Vec::new();
        let mut alone = Vec::new();
        for figure in new.first().into_iter().flatten() {
            let values = pairs.iter().filter_map(|(old, new)| {
                Some((named(old, &figure.name)?.value, named(new, &figure.name)?.value))
            });
            match Row::of(figure, &values.collect::<Vec<_>>()) {
                Some(row) => rows.push(row),
                None => alone.push(format!("{} (only in this tree, or not comparable)", figure.name)),
            }
        }
        for figure in old.first().into_iter().flatten() {
            if new.first().is_none_or(|new| named(new, &figure.name).is_none()) {
                alone.push(format!("{} (only in {commit})", figure.name));
            }
        }
        // References come last.
        rows.sort_by_key(|row| row.figure.control);
        Self { bench, commit, pairs: pairs.len(), rows, alone }
    }

    /// Returns the figures of netmon, without the references.
    fn own(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.figure.control)
    }

    fn worse(&self) -> usize {
        self.own().filter(|row| row.verdict() == Verdict::Worse).count()
    }

    pub(super) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({
            "bench": self.bench,
            "against": self.commit,
            "pairs": self.pairs,
            "interval": "95 %, sign test",
            "worse": self.worse(),
            "figures": rows,
            "only_in_one": self.alone,
        })
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bench, commit, pairs, .. } = self;
        writeln!(f, "{bench}: medians of {pairs} runs each, alternating {commit} (old) and this tree (new)")?;
        writeln!(
            f,
            "change: median ratio new/old of the pairs (95 % interval, sign test); for % and differences, new - old"
        )?;
        let widest = self.rows.iter().map(|row| row.figure.name.chars().count()).max().unwrap_or_default();
        writeln!(f, "{:<widest$} {commit:>12} {:>12}      {:>24}", "", "this tree", "change")?;
        for row in &self.rows {
            let Row { figure, old, new, change } = row;
            let (unit, verdict) = (figure.unit, row.verdict());
            let text =
                format!("{:<widest$} {old:>12.2} {new:>12.2} {unit:<4} {change:>24} {verdict}", figure.name);
            writeln!(f, "{}", text.trim_end())?;
        }
        for name in &self.alone {
            writeln!(f, "{name}")?;
        }
        let (worse, all) = (self.worse(), self.own().count());
        let chance = all as f64 * 0.025;
        writeln!(
            f,
            "{worse} of {all} figures of netmon are worse, by their whole interval; expect up to {chance:.1} by chance"
        )
    }
}

impl Row {
    /// Compares pairs of an old and a new value. Returns `None` if no pair can be compared.
    fn of(figure: &Figure, pairs: &[(f64, f64)]) -> Option<Self> {
        let change = |(old, new): &(f64, f64)| if figure.by_difference { new - old } else { new / old };
        let changes = pairs.iter().map(change).filter(|change| change.is_finite()).collect();
        let middle = |of: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = pairs.iter().map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            median(&values)
        };
        let change = Interval::of(changes)?;
        Some(Self {
            figure: figure.clone(),
            old: middle(|pair| pair.0)?,
            new: middle(|pair| pair.1)?,
            change,
        })
    }

    fn verdict(&self) -> Verdict {
        let same = if self.figure.by_difference { 0.0 } else { 1.0 };
        let (more, less) = (self.change.low > same, self.change.high < same);
        match self.figure.more_is_better {
            _ if !self.change.is_known() => Verdict::Open,
            false if more => Verdict::Worse,
            false if less => Verdict::Better,
            true if less => Verdict::Worse,
            true if more => Verdict::Better,
            _ => Verdict::Open,
        }
    }

    fn json(&self) -> Value {
        let Interval { median, low, high } = self.change;
        json!({
            "name": self.figure.name,
            "unit": self.figure.unit,
            "old": self.old,
            "new": self.new,
            "compared_by": if self.figure.by_difference { "difference" } else { "ratio" },
            "better": if self.figure.more_is_better { "more" } else { "less" },
            "change": { "median": median, "low": low, "high": high },
            "of_netmon": !self.figure.control,
            "verdict": self.verdict().to_string().to_lowercase(),
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worse => "WORSE",
            Self::Better => "better",
            Self::Open => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures;

    fn runs(name: &str, values: &[f64]) -> Vec<Vec<Figure>> {
        values.iter().map(|value| figures::of(&json!({ name: value, "off": { "mean_us": 4.0 } }))).collect()
    }

    /// Returns the verdict on each figure.
    fn verdicts(name: &str, old: &[f64], new: &[f64]) -> Vec<(String, Verdict)> {
        let report = Report::new("b", "c", &runs(name, old), &runs(name, new));
        report.rows.iter().map(|row| (row.figure.name.clone(), row.verdict())).collect()
    }

    #[test]
    fn a_figure_is_worse_when_its_whole_interval_is() {
        let old = [10.0; 6];
        let found = verdicts("took_ms", &old, &[11.0, 12.0, 11.0, 10.5, 13.0, 10.1]);
        assert_eq!(found, [("took".to_owned(), Verdict::Worse), ("off, mean".to_owned(), Verdict::Open)]);
        assert_eq!(verdicts("took_ms", &old, &[11.0, 12.0, 11.0, 9.9, 13.0, 12.0])[0].1, Verdict::Open);
        assert_eq!(verdicts("took_ms", &old, &[9.0; 6])[0].1, Verdict::Better);
        assert_eq!(verdicts("took_ms", &old[..5], &[20.0; 5])[0].1, Verdict::Open);
    }

    #[test]
    fn differences_are_compared_where_a_figure_may_be_zero() {
        assert_eq!(verdicts("cost_per_cent", &[0.0; 6], &[0.5; 6])[0].1, Verdict::Worse);
        assert_eq!(verdicts("cost_per_cent", &[-1.0; 6], &[-2.0; 6])[0].1, Verdict::Better);
    }

    #[test]
    fn figures_that_only_one_has_are_named() {
        let report = Report::new("b", "c", &runs("old_ms", &[1.0]), &runs("new_ms", &[1.0]));
        let text = report.to_string();
        assert!(text.contains("new (only in this tree, or not comparable)"), "{text}");
        assert!(text.contains("old (only in c)"), "{text}");
        assert!(text.contains("0 of 0 figures"), "{text}");
    }
}
