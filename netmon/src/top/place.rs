//! Where things are on the screen: the one layout that drawing and the mouse share.
//!
//! From the top: a title, the views, the headings and the rows; at the bottom the selected row in words, and the keys.

use super::{
    state::{State, View},
    text,
};

/// The least width of a terminal.
pub(crate) const MIN_COLUMNS: u16 = 60;
/// The least height of a terminal.
pub(crate) const MIN_ROWS: u16 = 15;
/// The line of the views.
pub(crate) const TABS: u16 = 1;
/// The line of the headings.
pub(crate) const HEADINGS: u16 = 2;
/// The first line of the rows.
const FIRST: u16 = 3;
/// Lines below the rows.
const BELOW: u16 = 2;

/// What is at a place of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The title of a view.
    Tab(View),
    /// A column's heading.
    Heading(&'static str),
    /// A row of the table, by its position.
    Row(usize),
}

/// Returns the first line of the rows, and how many there are.
pub(crate) fn body((_, rows): (u16, u16)) -> (u16, usize) {
    (FIRST, usize::from(rows.saturating_sub(FIRST + BELOW)))
}

/// Returns the first line of what is open, and how many there are.
pub(crate) fn page((_, rows): (u16, u16)) -> (u16, usize) {
    (HEADINGS, usize::from(rows.saturating_sub(HEADINGS + 1)))
}

/// Returns whether there is room enough to draw.
pub(crate) fn is_large_enough((columns, rows): (u16, u16)) -> bool {
    columns >= MIN_COLUMNS && rows >= MIN_ROWS
}

/// Returns the views with their texts, and the first column of each.
pub(crate) fn tabs() -> Vec<(View, String, u16)> {
    let mut x = 0;
    let mut tabs = Vec::new();
    for (index, view) in View::ALL.into_iter().enumerate() {
        let title = format!(" {} {} ", index + 1, view.title());
        let width = u16::try_from(text::width(&title)).unwrap_or(0);
        tabs.push((view, title, x));
        x += width;
    }
    tabs
}

/// Returns what is at a place of the screen. `None` if there is nothing to click.
pub(crate) fn spot(state: &State, x: u16, y: u16) -> Option<Spot> {
    if y == TABS {
        let tab = tabs().into_iter().rev().find(|(_, _, begins)| x >= *begins)?;
        let is_on_it = usize::from(x - tab.2) < text::width(&tab.1);
        return is_on_it.then_some(Spot::Tab(tab.0));
    }
    if state.open.is_some() {
        return None;
    }
    let table = state.table();
    let (first, height) = body(state.size);
    if y == HEADINGS {
        let placed = table.place(state.size.0);
        let hit = placed.into_iter().find(|placed| (placed.x..placed.x + placed.width).contains(&x))?;
        return Some(Spot::Heading(table.columns[hit.index].heading));
    }
    let line = usize::from(y.checked_sub(first)?);
    let index = state.list().top + line;
    (line < height && index < table.rows.len()).then_some(Spot::Row(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::example;

    #[test]
    fn the_views_fit_the_narrowest_terminal() {
        let (_, title, x) = tabs().pop().unwrap();
        assert!(usize::from(x) + text::width(&title) <= usize::from(MIN_COLUMNS));
    }

    #[test]
    fn a_place_is_a_view_a_heading_or_a_row() {
        let state = example::state(80, 24);
        assert_eq!(spot(&state, 0, TABS), Some(Spot::Tab(View::Links)));
        assert_eq!(spot(&state, 12, TABS), Some(Spot::Tab(View::Namespaces)));
        assert_eq!(spot(&state, 79, TABS), None);
        assert_eq!(spot(&state, 4, HEADINGS), Some(Spot::Heading("LINK")));
        assert_eq!(spot(&state, 4, 4), Some(Spot::Row(1)));
        assert_eq!(spot(&state, 4, 20), None, "below the last row");
        assert_eq!(spot(&state, 4, 0), None);
    }
}
