//! Where the user is in a list of rows.

use super::super::table::{Kind, Sort, Table};

/// The selection, the filter and the order of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// The key of the selected row: the selection stays on it when rows move.
    key: Option<String>,
    /// Its position when it was last seen.
    pub(crate) index: usize,
    /// The first row on the screen.
    pub(crate) top: usize,
    /// Only rows that match are shown.
    pub(crate) filter: String,
    /// The order.
    pub(crate) sort: Sort,
}

impl List {
    /// Follows the selected row to its new position, and scrolls so that it is on the screen.
    pub(super) fn settle(&mut self, table: &Table, height: usize) {
        let found = self.key.as_ref().and_then(|key| table.rows.iter().position(|row| row.key == *key));
        self.select(table, found.unwrap_or(self.index), height);
    }

    /// Selects a row by its position.
    pub(super) fn select(&mut self, table: &Table, index: usize, height: usize) {
        self.index = index.min(table.rows.len().saturating_sub(1));
        // A row that is filtered away for now is found again later.
        if let Some(row) = table.rows.get(self.index) {
            self.key = Some(row.key.clone());
        }
        let last = table.rows.len().saturating_sub(height);
        let least = (self.index + 1).saturating_sub(height);
        self.top = self.top.clamp(least, self.index.max(least)).min(last.max(least));
    }

    /// Sorts by the column that is `step` columns to the right of the current one, among those on the screen.
    pub(super) fn sort_by_next(&mut self, table: &Table, width: u16, step: isize) {
        let placed = table.place(width);
        let shown: Vec<&'static str> =
            placed.iter().map(|placed| table.columns[placed.index].heading).collect();
        let unsorted = shown.len();
        let now = shown.iter().position(|heading| Some(*heading) == self.sort.column).unwrap_or(unsorted);
        let next = (now + unsorted + 1).wrapping_add_signed(step) % (unsorted + 1);
        // Beyond the last column is the order of the agent.
        self.sort = Sort { column: shown.get(next).copied(), is_reversed: false };
    }

    /// Sorts by a column, or reverses the order if it is sorted by that column.
    pub(super) fn sort_by(&mut self, heading: &'static str) {
        let is_reversed = self.sort.column == Some(heading) && !self.sort.is_reversed;
        self.sort = Sort { column: Some(heading), is_reversed };
    }

    /// Returns whether the order shown is ascending.
    pub(crate) fn is_ascending(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Name | Kind::Word) != self.sort.is_reversed
    }
}

#[cfg(test)]
mod tests {
    use ratatui::text::Line;

    use super::*;
    use crate::top::{
        palette::Tone,
        table::{Cell, Column, Row, column},
    };

    const COLUMNS: [Column; 2] = [column("NAME", Kind::Name, 8, 0), column("RATE", Kind::Figure, 6, 1)];

    fn table(keys: &[&str]) -> Table {
        let row = |key: &&str| Row {
            key: (*key).to_owned(),
            mark: ("", Tone::Plain),
            cells: vec![Cell::name((*key).to_owned()), Cell::figure(String::new(), None)],
            haystack: String::new(),
            about: Line::default(),
        };
        Table::new(&COLUMNS, keys.iter().map(row).collect())
    }

    #[test]
    fn the_selection_follows_its_row_and_stays_near_a_row_that_is_gone() {
        let mut list = List::default();
        list.select(&table(&["a", "b", "c"]), 1, 10);
        list.settle(&table(&["c", "a", "b"]), 10);
        assert_eq!(list.index, 2);
        list.settle(&table(&["c", "a"]), 10);
        assert_eq!(list.index, 1);
        list.settle(&table(&[]), 10);
        assert_eq!(list.index, 0);
    }

    #[test]
    fn the_selected_row_is_on_the_screen() {
        let rows = table(&["a", "b", "c", "d", "e"]);
        let mut list = List::default();
        for (index, top) in [(4, 2), (3, 2), (2, 2), (1, 1), (0, 0), (2, 0), (3, 1)] {
            list.select(&rows, index, 3);
            assert_eq!((list.index, list.top), (index, top));
        }
        list.settle(&rows, 10);
        assert_eq!(list.top, 0, "a taller screen shows all rows");
    }

    #[test]
    fn the_order_goes_through_the_columns_on_the_screen_and_back_to_that_of_the_agent() {
        let rows = table(&["a"]);
        let mut list = List::default();
        let mut columns = Vec::new();
        for _ in 0..3 {
            list.sort_by_next(&rows, 80, 1);
            columns.push(list.sort.column);
        }
        assert_eq!(columns, [Some("NAME"), Some("RATE"), None]);
        list.sort_by_next(&rows, 80, -1);
        assert_eq!(list.sort.column, Some("RATE"));
        list.sort_by_next(&rows, 12, 1);
        assert_eq!(list.sort.column, Some("NAME"), "RATE is not shown on a narrow screen");
    }

    #[test]
    fn a_second_choice_of_a_column_reverses_it() {
        let mut list = List::default();
        list.sort_by("RATE");
        assert!(!list.sort.is_reversed && !list.is_ascending(Kind::Figure));
        list.sort_by("RATE");
        assert!(list.sort.is_reversed && list.is_ascending(Kind::Figure));
    }
}
