//! What a row opens into: lines of text, as many as there are, of which the screen shows a part.

mod direction;
mod link;
mod namespace;
mod round_trip;

use ratatui::text::{Line, Span};

use super::{
    palette::{Palette, Tone},
    state::{Open, State},
    text,
};

/// Returns the lines of what is open; empty if nothing is.
pub(crate) fn lines(state: &State) -> Vec<Line<'static>> {
    let pen = Pen { palette: state.palette };
    match &state.open {
        None => Vec::new(),
        Some(Open::Link(name)) => match state.link(name) {
            Some((index, link)) => link::lines(state, pen, index, link),
            None => vec![pen.line(Tone::Warn, format!(" There is no link {} any longer.", state.safe(name)))],
        },
        Some(Open::Namespace(name)) => namespace::lines(state, pen, name),
    }
}

/// Makes spans and lines with tones.
#[derive(Clone, Copy, Debug)]
struct Pen {
    palette: Palette,
}

impl Pen {
    fn span(self, tone: Tone, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.palette.style(tone))
    }

    fn line(self, tone: Tone, text: impl Into<String>) -> Line<'static> {
        Line::from(self.span(tone, text))
    }

    /// A line of spans.
    fn spans(self, parts: impl IntoIterator<Item = (Tone, String)>) -> Line<'static> {
        parts.into_iter().map(|(tone, text)| self.span(tone, text)).collect::<Vec<_>>().into()
    }

    /// The heading of a section.
    fn heading(self, text: impl Into<String>) -> Line<'static> {
        self.spans([(Tone::Plain, " ".to_owned()), (Tone::Accent, text.into())])
    }

    /// A section: a heading after an empty line, then its lines. Empty if it has none.
    fn section(self, heading: impl Into<String>, lines: Vec<Line<'static>>) -> Vec<Line<'static>> {
        if lines.is_empty() {
            return lines;
        }
        [Line::default(), self.heading(heading)].into_iter().chain(lines).collect()
    }
}

/// Puts two columns of lines side by side. The second begins at `x`, and the first ends before that.
fn beside(left: Vec<Line<'static>>, right: Vec<Line<'static>>, x: usize) -> Vec<Line<'static>> {
    let height = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let line = |_| {
        let mut line = left.next().unwrap_or_default();
        let Some(right) = right.next() else { return line };
        let used = within(&mut line, x.saturating_sub(1));
        line.spans.push(Span::raw(" ".repeat(x.saturating_sub(used))));
        line.spans.extend(right.spans);
        line
    };
    (0..height).map(line).collect()
}

/// Cuts a line to at most `columns`. Returns how many it takes.
fn within(line: &mut Line<'static>, columns: usize) -> usize {
    let mut used = 0;
    for span in &mut line.spans {
        let room = columns - used;
        if text::width(&span.content) > room {
            span.content = text::first(&span.content, room).to_owned().into();
        }
        used += text::width(&span.content);
    }
    used
}

/// Pads a text to a width, on the right.
fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text::width(text))))
}

/// Pads a figure to a width, on the left.
fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text::width(text))))
}
