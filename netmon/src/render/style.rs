//! The styles of all reports.

use anstyle::{AnsiColor, Style};

/// Names and titles.
pub const BOLD: Style = Style::new().bold();
/// A value that is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// A value or a line that needs attention.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Remarks.
pub const DIM: Style = Style::new().dimmed();

/// Replaces escape sequences by marks, so that a snapshot shows the styles: `<bold>direct</>`.
#[cfg(test)]
pub(crate) fn visible(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut marked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').unwrap();
        let name = match code {
            "0" => "/",
            "1" => "bold",
            "2" => "dim",
            "31" => "red",
            "32" => "green",
            other => panic!("a style without a name: {other}"),
        };
        marked.push_str(&format!("<{name}>{rest}"));
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_visible_as_marks() {
        let text = format!("{BOLD}a{BOLD:#} {GOOD}b{GOOD:#} {BAD}c{BAD:#} {DIM}d{DIM:#} e");
        assert_eq!(visible(&text), "<bold>a</> <green>b</> <bold><red>c</> <dim>d</> e");
    }
}
