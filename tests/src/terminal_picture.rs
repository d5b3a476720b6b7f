//! A picture of a terminal: text with styles as escape sequences becomes SVG, which a page can show at any size.
//!
//! Every run of one style is placed by its column and stretched to its width, so that columns line up in any font.

use std::fmt::Write as _;

/// The size of a cell, and the space around the text, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 14.0;
/// The height of the bar with the title.
const BAR: f64 = 30.0;
const BACKGROUND: &str = "#1b1f27";
const FOREGROUND: &str = "#d5dae3";
/// The sixteen colours of a terminal: black, red, green, yellow, blue, magenta, cyan, white, and the same bright.
const COLOURS: [&str; 16] = [
    "#1b1f27", "#f0707b", "#8fd17a", "#e6c26a", "#6cb0f5", "#cf8df0", "#5fc9d6", "#d5dae3", "#6e7787",
    "#ff8c95", "#a9e695", "#ffdb85", "#8cc5ff", "#e2a8ff", "#7fe3ef", "#ffffff",
];

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    foreground: Option<usize>,
    background: Option<usize>,
    is_bold: bool,
    is_dim: bool,
    is_italic: bool,
    is_underlined: bool,
    is_reversed: bool,
}

/// Cells of one style beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    column: usize,
    text: String,
    style: Style,
}

impl Style {
    /// Applies the parameters of one escape sequence. Colours beyond the sixteen are left out.
    fn apply(&mut self, parameters: &str) {
        let mut codes = parameters.split(';').map(|code| code.parse().unwrap_or(0_usize));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.is_bold = true,
                2 => self.is_dim = true,
                3 => self.is_italic = true,
                4 => self.is_underlined = true,
                7 => self.is_reversed = true,
                22 => (self.is_bold, self.is_dim) = (false, false),
                23 => self.is_italic = false,
                24 => self.is_underlined = false,
                27 => self.is_reversed = false,
                30..=37 => self.foreground = Some(code - 30),
                38 => self.foreground = indexed(&mut codes),
                39 => self.foreground = None,
                40..=47 => self.background = Some(code - 40),
                48 => self.background = indexed(&mut codes),
                49 => self.background = None,
                90..=97 => self.foreground = Some(code - 90 + 8),
                100..=107 => self.background = Some(code - 100 + 8),
                _ => {}
            }
        }
    }

    /// The colours of the text and of what is behind it. `None` where nothing is.
    fn colours(&self) -> (&'static str, Option<&'static str>) {
        let foreground = self.foreground.map_or(FOREGROUND, |index| COLOURS[index]);
        let background = self.background.map(|index| COLOURS[index]);
        match self.is_reversed {
            true => (background.unwrap_or(BACKGROUND), Some(foreground)),
            false => (foreground, background),
        }
    }

    fn attributes(&self) -> String {
        let mut text = format!("fill=\"{}\"", self.colours().0);
        for (is_set, attribute) in [
            (self.is_bold, " font-weight=\"bold\""),
            (self.is_italic, " font-style=\"italic\""),
            (self.is_underlined, " text-decoration=\"underline\""),
            (self.is_dim, " opacity=\"0.62\""),
        ] {
            if is_set {
                text += attribute;
            }
        }
        text
    }
}

/// Reads `5;INDEX` behind 38 or 48. Returns `None` for other colours.
fn indexed(codes: &mut impl Iterator<Item = usize>) -> Option<usize> {
    let is_index = codes.next() == Some(5);
    codes.next().filter(|index| is_index && *index < COLOURS.len())
}

/// Splits a line into runs, and carries its last style on to the next one.
fn runs(line: &str, style: &mut Style) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    let mut pieces = line.split("\x1b[");
    let mut add = |text: &str, style: Style| {
        if !text.is_empty() {
            runs.push(Run { column, text: text.to_owned(), style });
            column += text.chars().count();
        }
    };
    add(pieces.next().unwrap_or_default(), *style);
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(piece.len());
        let (parameters, rest) = piece.split_at(end);
        if rest.starts_with('m') {
            style.apply(parameters);
        }
        add(rest.get(1..).unwrap_or_default(), *style);
    }
    runs
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Draws a run that begins on line `line`.
fn draw(svg: &mut String, line: usize, run: &Run) {
    let cells = |count: usize| f64::from(u32::try_from(count).unwrap_or(0));
    let (x, y) = (MARGIN + cells(run.column) * CELL.0, BAR + MARGIN + cells(line) * CELL.1);
    let width = cells(run.text.chars().count()) * CELL.0;
    if let (_, Some(background)) = run.style.colours() {
        let height = CELL.1;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{background}\"/>"
        );
    }
    if !run.text.trim().is_empty() {
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" {}>{}</text>",
            y + CELL.1 * 0.75,
            run.style.attributes(),
            escaped(&run.text)
        );
    }
}

/// Draws a terminal of so many columns that shows `screen`, with a title above it.
#[must_use]
pub fn svg(title: &str, columns: u32, screen: &str) -> String {
    let lines: Vec<&str> = screen.trim_end_matches('\n').split('\n').collect();
    let rows = f64::from(u32::try_from(lines.len()).unwrap_or(0));
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = rows * CELL.1 + 2.0 * MARGIN + BAR;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         role=\"img\" aria-label=\"{0}\">\n\
         <style>text {{ font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre }}\
         </style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <text x=\"{MARGIN}\" y=\"20\" fill=\"{1}\">{0}</text>\n",
        escaped(title),
        COLOURS[8]
    );
    let mut style = Style::default();
    for (line, text) in lines.into_iter().enumerate() {
        for run in runs(text, &mut style) {
            draw(&mut svg, line, &run);
        }
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_where_its_style_changes_and_keeps_its_column() {
        let mut style = Style::default();
        let found = runs("ab\x1b[1;31mcd\x1b[0me", &mut style);
        let red = Style { foreground: Some(1), is_bold: true, ..Style::default() };
        let run = |column, text: &str, style| Run { column, text: text.to_owned(), style };
        assert_eq!(found, [run(0, "ab", Style::default()), run(2, "cd", red), run(4, "e", Style::default())]);
    }

    #[test]
    fn a_style_lasts_over_the_end_of_a_line() {
        let mut style = Style::default();
        runs("\x1b[7;38;5;12mx", &mut style);
        let next = &runs("y", &mut style)[0];
        assert!(next.style.is_reversed && next.style.foreground == Some(12), "{next:?}");
        assert_eq!(next.style.colours(), (BACKGROUND, Some(COLOURS[12])));
    }

    #[test]
    fn colours_beyond_the_sixteen_are_left_out_with_their_numbers() {
        let mut style = Style::default();
        style.apply("38;5;200;4");
        assert_eq!(style, Style { is_underlined: true, ..Style::default() });
    }

    #[test]
    fn a_picture_has_the_text_and_no_markup_of_its_own() {
        let picture = svg("top", 20, "a <b> & c\n\x1b[32mgreen\x1b[0m\n");
        assert!(picture.contains(">a &lt;b&gt; &amp; c</text>"), "{picture}");
        assert!(picture.contains(&format!("fill=\"{}\">green</text>", COLOURS[2])), "{picture}");
        assert!(picture.ends_with("</svg>\n") && picture.matches("<text").count() == 3, "{picture}");
    }
}
