//! The keys and the signs, in a frame over the rest.

use ratatui::layout::Rect;

use super::Canvas;
use crate::top::palette::Tone;

/// The width of the frame: what the narrowest terminal has room for.
const COLUMNS: u16 = 58;

/// The keys, in two columns.
const KEYS: [[(&str, &str); 2]; 6] = [
    [("j k, arrows", "move"), ("/", "filter rows")],
    [("PgUp PgDn g G", "move far"), ("< >", "sort")],
    [("Enter", "open"), ("r", "reverse order")],
    [("Esc", "back, all rows"), ("Space", "pause")],
    [("Tab, 1 to 5", "other view"), ("+ -", "interval")],
    [("Ctrl-l", "draw anew"), ("q, Ctrl-c", "quit")],
];

/// What the signs and the columns mean.
const LEGEND: [&str; 5] = [
    "x down   ! loses packets, or changed by another program",
    "~ impaired on purpose   ? not fully watched",
    "P50, P99, MAX: one-way latency, the worse direction",
    "LOST, PACKETS: both directions, since the agent began",
    "Mouse: click selects, opens, sorts; with Shift: text",
];

pub(super) fn draw(canvas: &mut Canvas<'_>) {
    let height = u16::try_from(KEYS.len() + LEGEND.len() + 2).unwrap_or(0);
    let area = Rect {
        x: (canvas.columns() - COLUMNS) / 2,
        y: canvas.rows().saturating_sub(height) / 2,
        width: COLUMNS,
        height,
    };
    frame(canvas, area);
    let mut y = area.y + 1;
    for [left, right] in KEYS {
        key(canvas, area.x + 2, y, 14, left);
        key(canvas, area.x + 34, y, 10, right);
        y += 1;
    }
    for text in LEGEND {
        canvas.put((area.x + 2, y), COLUMNS - 3, Tone::Plain, text);
        y += 1;
    }
}

fn key(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, (key, what): (&str, &str)) {
    canvas.put((x, y), width, Tone::Accent, key);
    canvas.put((x + width, y), COLUMNS, Tone::Plain, what);
}

/// Clears the area and draws a frame around it.
fn frame(canvas: &mut Canvas<'_>, area: Rect) {
    let glyphs = canvas.state.glyphs;
    let [above_left, above_right, below_left, below_right] = glyphs.corners;
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = canvas.buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
        canvas.put((area.left(), y), 1, Tone::Dim, glyphs.divider);
        canvas.put((area.right() - 1, y), 1, Tone::Dim, glyphs.divider);
    }
    let rule = glyphs.rule.repeat(usize::from(COLUMNS) - 2);
    let above = format!("{above_left}{rule}{above_right}");
    canvas.put((area.x, area.y), COLUMNS, Tone::Dim, &above);
    let below = format!("{below_left}{rule}{below_right}");
    canvas.put((area.x, area.bottom() - 1), COLUMNS, Tone::Dim, &below);
    canvas.put((area.x + 2, area.y), 20, Tone::Strong, " Keys and signs ");
}
