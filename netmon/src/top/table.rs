//! A table of rows that can be sorted, filtered and laid out at any width. Views fill it; drawing reads it.
//!
//! Columns have a rank. When the terminal is narrow, columns of a high rank are left out: a figure is never cut.

use std::cmp::Ordering;

use ratatui::text::Line;

use super::{palette::Tone, text};

/// How far apart columns are.
const GAP: u16 = 2;
/// The margin on the left, and the mark of a row.
pub(crate) const MARGIN: u16 = 3;
/// From here on, names get more room before further columns do.
const WIDE: u16 = 100;

/// The rows of a view, and its columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// All columns, in display order.
    pub(crate) columns: Vec<Column>,
    /// All rows; after [`Table::arrange`], those that match, in order.
    pub(crate) rows: Vec<Row>,
    /// Rows before the filter was applied.
    pub(crate) unfiltered: usize,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its heading, which also identifies it.
    pub(crate) heading: &'static str,
    /// Its heading in ASCII.
    pub(crate) ascii: &'static str,
    /// Its width in columns of the terminal. A name has at least this width.
    pub(crate) width: u16,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Columns with a low rank are shown first.
    pub(crate) rank: u8,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, aligned to the left, which may be cut in its middle and grows to its longest cell.
    Name,
    /// Text of a fixed width, aligned to the left.
    Word,
    /// A figure, aligned to the right.
    Figure,
    /// Values over time, which grow to fill the line.
    Trend,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Identifies what the row is about, whatever its position.
    pub(crate) key: String,
    /// A sign before the row, and its tone.
    pub(crate) mark: (&'static str, Tone),
    /// A cell for each column.
    pub(crate) cells: Vec<Cell>,
    /// What the filter searches, in lower case.
    pub(crate) haystack: String,
    /// The row in words, shown while it is selected.
    pub(crate) about: Line<'static>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    /// What is shown. Empty for a trend.
    pub(crate) text: String,
    /// How it is shown.
    pub(crate) tone: Tone,
    /// What it is sorted by.
    pub(crate) order: Order,
    /// The values of a trend.
    pub(crate) values: Vec<f64>,
}

/// What a cell is sorted by. A missing value is below all others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// By name.
    Name(String),
    /// By value. `None` if there is none.
    Value(Option<f64>),
}

/// How a table is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    /// The column's heading. `None`: as the agent lists the rows.
    pub(crate) column: Option<&'static str>,
    /// Whether the order is the reverse of the usual one: names from a, values from the largest.
    pub(crate) is_reversed: bool,
}

/// A column at its place on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Its index in the table.
    pub(crate) index: usize,
    /// The first column of the terminal.
    pub(crate) x: u16,
    /// Its width.
    pub(crate) width: u16,
}

impl Column {
    /// Returns the heading for a charset.
    pub(crate) fn title(&self, is_ascii: bool) -> &'static str {
        if is_ascii { self.ascii } else { self.heading }
    }
}

/// Declares a column whose heading is ASCII.
pub(crate) const fn column(heading: &'static str, kind: Kind, width: u16, rank: u8) -> Column {
    Column { heading, ascii: heading, width, kind, rank }
}

impl Cell {
    /// Creates a cell that is sorted by its text.
    pub(crate) fn name(text: String) -> Self {
        let order = Order::Name(text.to_lowercase());
        Self { text, tone: Tone::Plain, order, values: Vec::new() }
    }

    /// Creates a cell that is sorted by a value. `None` is shown as it is given, too.
    pub(crate) fn figure(text: String, value: Option<f64>) -> Self {
        Self { text, tone: Tone::Plain, order: Order::Value(value), values: Vec::new() }
    }

    /// Creates a cell with values over time, sorted by their sum.
    pub(crate) fn trend(values: Vec<f64>) -> Self {
        let order = Order::Value(Some(values.iter().sum()));
        Self { text: String::new(), tone: Tone::Traffic, order, values }
    }

    /// Changes the tone.
    pub(crate) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

impl Table {
    /// Creates a table of all rows.
    pub(crate) fn new(columns: &[Column], rows: Vec<Row>) -> Self {
        Self { columns: columns.to_vec(), unfiltered: rows.len(), rows }
    }

    /// Leaves the rows that match the filter, and sorts them.
    pub(crate) fn arrange(&mut self, filter: &str, sort: Sort) {
        let filter = filter.to_lowercase();
        self.rows.retain(|row| filter.split_whitespace().all(|word| row.haystack.contains(word)));
        let index = self.columns.iter().position(|column| Some(column.heading) == sort.column);
        if let Some(index) = index {
            self.rows.sort_by(|one, other| usual(&one.cells[index].order, &other.cells[index].order));
        }
        if sort.is_reversed {
            self.rows.reverse();
        }
    }

    /// Chooses the columns that fit and places them on a line of `width` columns.
    pub(crate) fn place(&self, width: u16) -> Vec<Placed> {
        let mut ranked: Vec<usize> = (0..self.columns.len()).collect();
        ranked.sort_by_key(|index| self.columns[*index].rank);
        let mut widths = vec![None; self.columns.len()];
        let mut left = width.saturating_sub(MARGIN) + GAP;
        for index in ranked {
            let least = self.least(index, width);
            if least + GAP <= left {
                left -= least + GAP;
                widths[index] = Some(least);
            }
        }
        self.grow(&mut widths, left);
        positions(&widths)
    }

    /// Returns the width that a column needs.
    fn least(&self, index: usize, width: u16) -> u16 {
        let column = &self.columns[index];
        let most = if width >= WIDE { 2 * column.width } else { column.width };
        match column.kind {
            Kind::Name => self.longest(index).clamp(column.width.min(8), most),
            _ => column.width,
        }
    }

    /// Gives the columns that are left to names that are cut, then to trends.
    fn grow(&self, widths: &mut [Option<u16>], mut left: u16) {
        for kind in [Kind::Name, Kind::Trend] {
            for (index, column) in self.columns.iter().enumerate().filter(|(_, column)| column.kind == kind) {
                let Some(width) = &mut widths[index] else { continue };
                let most = if kind == Kind::Name { self.longest(index) } else { 3 * column.width.max(20) };
                let more = most.saturating_sub(*width).min(left);
                *width += more;
                left -= more;
            }
        }
    }

    fn longest(&self, index: usize) -> u16 {
        let heading = text::width(self.columns[index].heading);
        let cells =
            self.rows.iter().filter_map(|row| row.cells.get(index)).map(|cell| text::width(&cell.text));
        u16::try_from(cells.max().unwrap_or(0).max(heading)).unwrap_or(u16::MAX)
    }
}

fn positions(widths: &[Option<u16>]) -> Vec<Placed> {
    let mut x = MARGIN;
    let mut placed = Vec::new();
    for (index, width) in widths.iter().enumerate() {
        if let Some(width) = *width {
            placed.push(Placed { index, x, width });
            x += width + GAP;
        }
    }
    placed
}

/// The usual order: names from a, values from the largest, missing values last.
fn usual(one: &Order, other: &Order) -> Ordering {
    match (one, other) {
        (Order::Name(one), Order::Name(other)) => one.cmp(other),
        (Order::Value(one), Order::Value(other)) => {
            let value = |value: &Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
            value(other).total_cmp(&value(one))
        }
        (Order::Name(_), Order::Value(_)) => Ordering::Less,
        (Order::Value(_), Order::Name(_)) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        column("NAME", Kind::Name, 16, 0),
        column("RATE", Kind::Figure, 6, 1),
        column("TREND", Kind::Trend, 8, 3),
        column("LOST", Kind::Figure, 6, 2),
    ];

    fn table(rows: &[(&str, Option<f64>)]) -> Table {
        let row = |(name, value): &(&str, Option<f64>)| Row {
            key: (*name).to_owned(),
            mark: ("", Tone::Plain),
            cells: vec![
                Cell::name((*name).to_owned()),
                Cell::figure("1".to_owned(), *value),
                Cell::trend(Vec::new()),
                Cell::figure("0".to_owned(), Some(0.0)),
            ],
            haystack: name.to_lowercase(),
            about: Line::default(),
        };
        Table::new(&COLUMNS, rows.iter().map(row).collect())
    }

    fn keys(mut table: Table, filter: &str, column: Option<&'static str>, is_reversed: bool) -> Vec<String> {
        table.arrange(filter, Sort { column, is_reversed });
        table.rows.into_iter().map(|row| row.key).collect()
    }

    #[test]
    fn values_are_sorted_from_the_largest_and_missing_ones_come_last() {
        let rows = table(&[("b", None), ("a", Some(1.0)), ("C", Some(2.0))]);
        assert_eq!(keys(rows.clone(), "", Some("RATE"), false), ["C", "a", "b"]);
        assert_eq!(keys(rows.clone(), "", Some("NAME"), false), ["a", "b", "C"]);
        assert_eq!(keys(rows.clone(), "", Some("NAME"), true), ["C", "b", "a"]);
        assert_eq!(keys(rows, "", None, false), ["b", "a", "C"]);
    }

    #[test]
    fn every_word_of_the_filter_has_to_match() {
        let rows = table(&[("red-blue", None), ("red-green", None)]);
        assert_eq!(keys(rows.clone(), "RED", None, false).len(), 2);
        assert_eq!(keys(rows.clone(), "blue red", None, false), ["red-blue"]);
        assert_eq!(keys(rows, "yellow", None, false), [""; 0]);
    }

    #[test]
    fn a_narrow_line_leaves_out_the_columns_of_the_highest_rank() {
        let rows = table(&[("root:veth0--direct_netns:veth1", None)]);
        let shown = |width| -> Vec<usize> { rows.place(width).iter().map(|placed| placed.index).collect() };
        assert_eq!(shown(60), [0, 1, 2, 3]);
        assert_eq!(shown(40), [0, 1, 3]);
        assert_eq!(shown(28), [0, 1]);
        assert_eq!(shown(10), [1], "a figure is not cut");
    }

    #[test]
    fn columns_never_overlap_or_leave_the_line() {
        let rows = table(&[("root:veth0--direct_netns:veth1", None)]);
        for width in 0..200 {
            let placed = rows.place(width);
            assert!(placed.windows(2).all(|two| two[0].x + two[0].width + GAP == two[1].x), "{width}");
            assert!(placed.last().is_none_or(|last| last.x + last.width <= width), "{width}");
        }
    }
}
