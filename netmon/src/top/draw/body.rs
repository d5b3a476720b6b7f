//! What is between the views and the keys: the table, or what a row was opened into.

use super::{Canvas, edges};
use crate::top::{
    chart, detail,
    palette::Tone,
    place,
    table::{Cell, Column, Kind, MARGIN, Placed, Row, Table},
    text,
};

/// Draws the headings, the rows, and the selected row in words.
pub(super) fn table(canvas: &mut Canvas<'_>) {
    let state = canvas.state;
    let table = state.table();
    let placed = table.place(canvas.columns());
    headings(canvas, &table, &placed);
    let (first, height) = place::body(state.size);
    if table.rows.is_empty() {
        let room = usize::from(canvas.columns().saturating_sub(2 * MARGIN));
        let text = text::cut(&state.empty_text(&table), room, &state.glyphs);
        canvas.put((MARGIN, first + 1), canvas.columns(), Tone::Dim, &text);
    }
    let list = state.list();
    for (line, (index, row)) in table.rows.iter().enumerate().skip(list.top).take(height).enumerate() {
        let y = first + u16::try_from(line).unwrap_or(0);
        self::row(canvas, &table.columns, &placed, row, y);
        if index == list.index {
            canvas.tone_lines(y, 1, Tone::Selected);
        }
    }
    if canvas.is_stale() {
        canvas.tone_lines(first, u16::try_from(height).unwrap_or(0), Tone::Dim);
    }
    words(canvas, &table, height);
}

fn headings(canvas: &mut Canvas<'_>, table: &Table, placed: &[Placed]) {
    let state = canvas.state;
    for place in placed {
        let column = &table.columns[place.index];
        let title = column.title(state.glyphs.is_ascii);
        let is_sorted = state.list().sort.column == Some(column.heading);
        let tone = if is_sorted { Tone::Accent } else { Tone::Strong };
        let x = aligned(column, place, title);
        canvas.put((x, place::HEADINGS), place.width, tone, title);
        if is_sorted {
            let is_ascending = state.list().is_ascending(column.kind);
            let arrow = if is_ascending { state.glyphs.ascending } else { state.glyphs.descending };
            // Before a figure, behind a name: the side on which the column has room.
            let at = match column.kind {
                Kind::Figure => x.saturating_sub(1),
                _ => x + u16::try_from(text::width(title)).unwrap_or(0),
            };
            canvas.put((at, place::HEADINGS), 1, Tone::Accent, arrow);
        }
    }
}

/// Returns the column of the terminal at which a text of a column begins.
fn aligned(column: &Column, place: &Placed, text: &str) -> u16 {
    let width = u16::try_from(text::width(text)).unwrap_or(place.width).min(place.width);
    match column.kind {
        Kind::Figure => place.x + place.width - width,
        Kind::Name | Kind::Word | Kind::Trend => place.x,
    }
}

fn row(canvas: &mut Canvas<'_>, columns: &[Column], placed: &[Placed], row: &Row, y: u16) {
    let (mark, tone) = row.mark;
    canvas.put((1, y), 1, tone, mark);
    for place in placed {
        let column = &columns[place.index];
        if let Some(cell) = row.cells.get(place.index) {
            let text = shown(canvas, column, place, cell);
            canvas.put((aligned(column, place, &text), y), place.width, cell.tone, &text);
        }
    }
}

fn shown(canvas: &Canvas<'_>, column: &Column, place: &Placed, cell: &Cell) -> String {
    let (width, glyphs) = (usize::from(place.width), &canvas.state.glyphs);
    match column.kind {
        Kind::Name => text::fit(&cell.text, width, glyphs),
        Kind::Word | Kind::Figure => cell.text.clone(),
        Kind::Trend => {
            let newest = cell.values.len().saturating_sub(width);
            chart::columns(&cell.values[newest..], 1, glyphs).pop().unwrap_or_default()
        }
    }
}

/// The selected row in words, and which rows are shown.
fn words(canvas: &mut Canvas<'_>, table: &Table, height: usize) {
    let (y, state) = (canvas.rows() - 2, canvas.state);
    match (edges::trouble(state), table.rows.get(state.list().index)) {
        (Some(trouble), _) => {
            let text = text::cut(&trouble, usize::from(canvas.columns()) - 2, &state.glyphs);
            canvas.put((1, y), canvas.columns() - 1, Tone::Bad, &text);
        }
        (None, Some(row)) => canvas.put_line(1, y, &row.about),
        (None, None) => {}
    }
    if table.rows.len() > height || table.rows.len() < table.unfiltered {
        let of = if table.rows.len() < table.unfiltered {
            format!(" {} of {} ", table.rows.len(), table.unfiltered)
        } else {
            format!(" {}/{} ", state.list().index + 1, table.rows.len())
        };
        let x = canvas.columns().saturating_sub(u16::try_from(of.len()).unwrap_or(0));
        canvas.put((x, y), canvas.columns(), Tone::Dim, &of);
    }
}

/// Draws what is open, from the line on that it is scrolled to.
pub(super) fn page(canvas: &mut Canvas<'_>) {
    let state = canvas.state;
    let lines = detail::lines(state);
    let (first, height) = place::page(state.size);
    for (line, y) in lines.iter().skip(usize::from(state.scroll)).take(height).zip(first..) {
        canvas.put_line(0, y, line);
    }
    let below = lines.len().saturating_sub(usize::from(state.scroll) + height);
    if canvas.is_stale() {
        canvas.tone_lines(first, u16::try_from(height).unwrap_or(0), Tone::Dim);
    }
    let y = canvas.rows() - 2;
    if let Some(trouble) = edges::trouble(state) {
        canvas.tone_lines(y, 1, Tone::Plain);
        let room = usize::from(canvas.columns()) - 2;
        let text = format!("{:<room$}", text::cut(&trouble, room, &state.glyphs));
        canvas.put((1, y), canvas.columns() - 1, Tone::Bad, &text);
    } else if below > 0 {
        let more = format!(" {below} more lines {} ", state.glyphs.descending);
        let x = canvas.columns().saturating_sub(u16::try_from(text::width(&more)).unwrap_or(0));
        canvas.put((x, y), canvas.columns(), Tone::Dim, &more);
    }
}
