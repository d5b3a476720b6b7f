//! Draws the state. A pure function: what the terminal should have, whatever it has now.

mod body;
mod edges;
mod help;

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use super::{
    palette::Tone,
    place,
    state::{Source, State},
};

/// Draws the state over the whole buffer. Draws nothing if the buffer has another size than the state: the terminal
/// was resized, and the event that says so is on its way.
pub(crate) fn draw(state: &State, buffer: &mut Buffer) {
    let mut canvas = Canvas { state, buffer };
    if canvas.size() != state.size {
        return;
    }
    if !place::is_large_enough(state.size) {
        return canvas.too_small();
    }
    edges::title(&mut canvas);
    edges::tabs(&mut canvas);
    match state.open {
        Some(_) => body::page(&mut canvas),
        None => body::table(&mut canvas),
    }
    edges::footer(&mut canvas);
    if state.has_help {
        help::draw(&mut canvas);
    }
}

/// Returns where the cursor belongs. `None` if it is hidden.
pub(crate) fn cursor(state: &State) -> Option<(u16, u16)> {
    let is_shown = state.is_editing && place::is_large_enough(state.size);
    is_shown.then(|| edges::cursor(state))
}

/// The buffer, and what draws on it.
struct Canvas<'a> {
    state: &'a State,
    buffer: &'a mut Buffer,
}

impl Canvas<'_> {
    fn size(&self) -> (u16, u16) {
        (self.buffer.area.width, self.buffer.area.height)
    }

    fn columns(&self) -> u16 {
        self.state.size.0
    }

    fn rows(&self) -> u16 {
        self.state.size.1
    }

    /// Writes a text from `x` on, in at most `columns`. Returns the column behind it.
    fn put(&mut self, (x, y): (u16, u16), columns: u16, tone: Tone, text: &str) -> u16 {
        if x >= self.columns() || y >= self.rows() {
            return x;
        }
        let style = self.state.palette.style(tone);
        self.buffer.set_stringn(x, y, text, usize::from(columns), style).0
    }

    /// Writes a line of spans from `x` on.
    fn put_line(&mut self, x: u16, y: u16, line: &Line<'_>) {
        let room = self.columns().saturating_sub(x);
        if room > 0 && y < self.rows() {
            self.buffer.set_line(x, y, line, room);
        }
    }

    /// Adds a tone to what is already written on some lines.
    fn tone_lines(&mut self, y: u16, rows: u16, tone: Tone) {
        let area = Rect::new(0, y, self.columns(), rows.min(self.rows().saturating_sub(y)));
        self.buffer.set_style(area, self.state.palette.style(tone));
    }

    /// Returns whether the figures may be old.
    fn is_stale(&self) -> bool {
        matches!(self.state.source, Source::Lost { .. })
    }

    fn too_small(&mut self) {
        let (columns, rows) = self.state.size;
        let least = format!("{}x{}", place::MIN_COLUMNS, place::MIN_ROWS);
        let text = format!("netmon top needs {least}, this terminal has {columns}x{rows}");
        self.put((0, 0), columns, Tone::Plain, &text);
    }
}

#[cfg(test)]
mod tests;
