//! Condenses a recording while it is read: at most 64 batches of equal length, whatever the length of the recording.
//!
//! Neighbouring seconds resemble each other, because a stall, a burst or a garbage collection lasts longer than a second.
//! So batches keep their order, and [`statistics`](crate::statistics) measures how much they resemble their neighbours.

use std::{collections::HashMap, io::Read, mem};

use crate::{
    recording::{self, ReadError, RecordedWindow, Summary},
    series::{Amount, Series, bounded_sum},
};

/// When there are this many batches, neighbours are merged. Even, so that all have a neighbour.
const MAX_CELLS: usize = 64;

/// A recording, condensed.
#[derive(Clone, Debug)]
pub struct Run {
    /// What the recording says beside its windows.
    pub summary: Summary,
    /// The number of windows.
    pub windows: u64,
    /// The time in all windows, nanoseconds.
    pub ns: u64,
    positions: HashMap<Series, usize>,
    cells: Vec<Cell>,
}

/// Some windows together.
#[derive(Clone, Debug, Default)]
struct Cell {
    windows: u64,
    ns: u64,
    /// By series. `None` if nothing happened; those beyond the end are so, too.
    amounts: Vec<Option<Amount>>,
    /// The series of which something is not known.
    unknown: Vec<usize>,
}

/// What happened on a series in some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The time in seconds.
    pub seconds: f64,
    /// The amount.
    pub amount: Amount,
}

impl Run {
    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// Fails if the data is no recording, of a later format, or damaged. One that is cut off is no error.
    pub fn read(input: impl Read) -> Result<Self, ReadError> {
        let mut cells = Cells::default();
        let summary = recording::read(input, |window| cells.push(window))?;
        Ok(Self::new(summary, cells))
    }

    /// Condenses windows that were not read from a recording.
    #[must_use]
    pub fn from_windows(summary: Summary, windows: impl IntoIterator<Item = RecordedWindow>) -> Self {
        let mut cells = Cells::default();
        windows.into_iter().for_each(|window| cells.push(window));
        Self::new(summary, cells)
    }

    fn new(summary: Summary, cells: Cells) -> Self {
        let all = || cells.done.iter().chain([&cells.open]);
        let (windows, ns) = (all().map(|cell| cell.windows).sum(), all().map(|cell| cell.ns).sum());
        let positions = summary.series.iter().cloned().zip(0..).collect();
        Self { summary, windows, ns, positions, cells: cells.finish() }
    }

    /// Returns the time in all windows, seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        seconds(self.ns)
    }

    /// Returns the batches of a series, in their order. Those of which something is not known are left out. Empty if the
    /// recording does not know the series.
    #[must_use]
    pub fn batches(&self, series: &Series) -> Vec<Batch> {
        let Some(&position) = self.positions.get(series) else { return Vec::new() };
        self.cells.iter().filter_map(|cell| cell.batch(position, series)).collect()
    }
}

impl Batch {
    /// Merges each `by` neighbours. The rest at the end is left out.
    #[must_use]
    pub fn merged(batches: &[Self], by: usize) -> Vec<Self> {
        let merge = |neighbours: &[Self]| {
            let mut amount = neighbours[0].amount.clone();
            neighbours[1..].iter().for_each(|next| amount.add(&next.amount));
            Self { seconds: neighbours.iter().map(|batch| batch.seconds).sum(), amount }
        };
        batches.chunks_exact(by).map(merge).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a recording of 100 days is below 2^53 ns")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// The cells of a recording that is being read.
struct Cells {
    done: Vec<Cell>,
    open: Cell,
    windows_each: u64,
}

impl Default for Cells {
    fn default() -> Self {
        Self { done: Vec::new(), open: Cell::default(), windows_each: 1 }
    }
}

impl Cells {
    fn push(&mut self, window: RecordedWindow) {
        self.open.add(Cell::from(window));
        if self.open.windows < self.windows_each {
            return;
        }
        self.done.push(mem::take(&mut self.open));
        if self.done.len() == MAX_CELLS {
            self.merge();
        }
    }

    fn merge(&mut self) {
        let mut old = mem::take(&mut self.done).into_iter();
        while let (Some(mut first), Some(second)) = (old.next(), old.next()) {
            first.add(second);
            self.done.push(first);
        }
        self.windows_each *= 2;
    }

    /// Returns all cells. The last one is left out if it has less than half of the windows of the others.
    fn finish(mut self) -> Vec<Cell> {
        if 2 * self.open.windows >= self.windows_each {
            self.done.push(self.open);
        }
        self.done
    }
}

impl Cell {
    /// Returns what happened on a series. Returns `None` if something of it is not known.
    fn batch(&self, position: usize, series: &Series) -> Option<Batch> {
        if self.unknown.contains(&position) {
            return None;
        }
        let amount = self.amounts.get(position).cloned().flatten();
        let amount = amount.unwrap_or_else(|| Amount::zero(series.figure.kind()));
        Some(Batch { seconds: seconds(self.ns), amount })
    }

    fn add(&mut self, next: Self) {
        self.windows += next.windows;
        self.ns = bounded_sum(self.ns, next.ns);
        self.unknown.extend(next.unknown);
        self.unknown.sort_unstable();
        self.unknown.dedup();
        self.amounts.resize(self.amounts.len().max(next.amounts.len()), None);
        for (sum, more) in self.amounts.iter_mut().zip(next.amounts) {
            match (sum.as_mut(), more) {
                (Some(sum), Some(more)) => sum.add(&more),
                (None, more) => *sum = more,
                (Some(_), None) => {}
            }
        }
    }
}

impl From<RecordedWindow> for Cell {
    fn from(window: RecordedWindow) -> Self {
        let mut cell = Self { windows: 1, ns: window.ns, unknown: window.unknown, amounts: Vec::new() };
        for of_series in window.amounts {
            if cell.amounts.len() <= of_series.series {
                cell.amounts.resize(of_series.series + 1, None);
            }
            let mut amount = Amount::zero(of_series.amount.kind());
            amount.add(&of_series.amount);
            cell.amounts[of_series.series] = Some(amount);
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recording::{Agent, FORMAT, Header, Window, Writer},
        series::{End, Figure, Place},
    };

    fn throughput() -> Series {
        let end =
            |interface: &str| End { netns: "web".parse().unwrap(), interface: interface.parse().unwrap() };
        let place = Place::Direction { link: "uplink".parse().unwrap(), from: end("a"), to: end("b") };
        Series { place, figure: Figure::Throughput }
    }

    /// A run of this many seconds: the n-th has n bytes. Some seconds are not known.
    fn run(seconds: u64, unknown: &[u64]) -> Run {
        let (netmon, agent) = ("0.1.0".to_owned(), Agent::default());
        let header = Header {
            format: FORMAT,
            netmon,
            began_at_unix_ms: 1,
            interval_ms: 1000,
            agent,
            lab: None,
            machine: None,
        };
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, &header).unwrap();
        for second in 1..=seconds {
            let mut window = Window { ended_at_unix_ms: second, ns: 1_000_000_000, ..Window::default() };
            if unknown.contains(&second) {
                window.unknown.push(throughput());
            } else {
                window.amounts.push((throughput(), Amount::Bytes(second)));
            }
            writer.window(window).unwrap();
        }
        drop(writer);
        Run::read(file.as_slice()).unwrap()
    }

    #[test]
    fn every_length_gives_a_bounded_number_of_equal_batches_that_cover_nearly_all() {
        for seconds in [1_u64, 7, 20, 21, 59, 60, 64, 100, 1000, 5000] {
            let run = run(seconds, &[]);
            let batches = run.batches(&throughput());
            let expected = seconds.min(32) as usize..MAX_CELLS;
            assert!(expected.contains(&batches.len()), "{seconds} s: {} batches", batches.len());
            let last = batches.len().saturating_sub(2);
            assert!(
                batches[..=last].windows(2).all(|pair| pair[0].seconds == pair[1].seconds),
                "{seconds} s"
            );
            let covered: f64 = batches.iter().map(|batch| batch.seconds).sum();
            assert!((covered / seconds as f64 - 1.0).abs() < 0.02, "{seconds} s: {covered} s are covered");
            assert_eq!((run.windows, run.seconds()), (seconds, seconds as f64));
        }
    }

    #[test]
    fn the_amounts_of_a_batch_are_the_sum_of_its_windows() {
        let sums = |seconds| -> Vec<_> {
            run(seconds, &[]).batches(&throughput()).into_iter().map(|batch| batch.amount).collect()
        };
        assert_eq!(sums(40), (1..=40).map(Amount::Bytes).collect::<Vec<_>>());
        assert_eq!(sums(100), (0..50).map(|at| Amount::Bytes(4 * at + 3)).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_with_an_unknown_second_is_left_out() {
        assert_eq!(run(40, &[5, 6, 39]).batches(&throughput()).len(), 37);
        assert_eq!(run(100, &[5, 6, 39]).batches(&throughput()).len(), 48);
    }

    #[test]
    fn neighbours_are_merged_without_the_rest() {
        let merged = Batch::merged(&run(11, &[]).batches(&throughput()), 3);
        let amounts: Vec<_> = merged.iter().map(|batch| batch.amount.clone()).collect();
        assert_eq!(amounts, [6, 15, 24].map(Amount::Bytes));
        assert!(merged.iter().all(|batch| batch.seconds == 3.0));
    }

    #[test]
    fn a_series_that_was_not_recorded_has_no_batches() {
        let other = Series { figure: Figure::LinkLoss, ..throughput() };
        assert!(run(40, &[]).batches(&other).is_empty());
    }
}
