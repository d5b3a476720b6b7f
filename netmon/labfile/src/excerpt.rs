//! The line that an error is on, with carets below the place.
//!
//! Only the text around the place is looked at, so that a thousand errors on one long line cost little.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Columns of a terminal that an excerpt fits in. A longer line is cut around the place.
const WIDTH: usize = 100;
/// Bytes before and after the place that are looked at: more than fits, so that the renderer marks the cut.
const REACH: usize = 8 * WIDTH;
/// At most this many characters are underlined.
const MARKED: usize = 60;

/// Draws the line of `text` on which `at` starts. `number` is its number.
///
/// Tabs become spaces, and characters that a terminal would obey or hide become visible ones.
pub(crate) fn draw(text: &str, at: &Range<usize>, number: usize) -> String {
    let place = floor_char_boundary(text, at.start);
    let before = &text[floor_char_boundary(text, place.saturating_sub(REACH))..place];
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = &text[place..floor_char_boundary(text, place + REACH)];
    let after = after.lines().next().unwrap_or_default();
    let length = after.len().min(at.end.saturating_sub(place));
    let marked = &after[..floor_char_boundary(after, length)];
    let marked = marked.char_indices().nth(MARKED).map_or(marked, |(end, _)| &marked[..end]);

    let mut line = visible(before);
    let start = line.len();
    line.push_str(&visible(marked));
    let end = line.len();
    line.push_str(&visible(&after[marked.len()..]));
    let snippet = Snippet::source(line).line_start(number);
    let snippet = snippet.annotation(AnnotationKind::Primary.span(start..end));
    Renderer::plain().term_width(WIDTH).render(&[Group::with_level(Level::ERROR).element(snippet)])
}

/// `text` without the invisible characters that the renderer leaves as they are. It shows the others, such as escape.
fn visible(text: &str) -> String {
    let replace = |c: char| match c {
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.chars().map(replace).collect()
}

/// The last boundary between characters that is not behind `at`.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the first line of `text` with the part between `<` and `>` as its place.
    fn drawn(text: &str) -> String {
        let (before, rest) = text.split_once('<').unwrap();
        let (marked, after) = rest.split_once('>').unwrap();
        let at = before.len()..before.len() + marked.len();
        draw(&[before, marked, after].concat(), &at, 7)
    }

    #[test]
    fn the_place_is_underlined() {
        assert_eq!(drawn("name = <web>\nother"), "  |\n7 | name = web\n  |        ^^^");
        assert_eq!(drawn("first\nname<> x"), "  |\n7 | name x\n  |     ^");
    }

    #[test]
    fn an_error_behind_the_last_character_has_its_line() {
        assert_eq!(drawn("name = \"x<>"), "  |\n7 | name = \"x\n  |          ^");
        assert_eq!(drawn("name = 1\n<>"), "  |\n7 |\n  | ^");
    }

    #[test]
    fn a_carriage_return_at_the_end_of_the_line_is_not_shown() {
        assert_eq!(drawn("a\r\nname = <web>\r\nb\r\n"), "  |\n7 | name = web\n  |        ^^^");
        assert_eq!(drawn("name<>\r\n"), "  |\n7 | name\n  |     ^");
    }

    #[test]
    fn only_the_first_line_of_a_place_is_underlined() {
        assert_eq!(drawn("a = <{\n  b = 1\n}>"), "  |\n7 | a = {\n  |     ^");
    }

    #[test]
    fn tabs_and_wide_characters_take_the_columns_that_a_terminal_gives_them() {
        assert_eq!(drawn("\tname = <web>"), "  |\n7 |     name = web\n  |            ^^^");
        assert_eq!(drawn("名 = <星星>"), "  |\n7 | 名 = 星星\n  |      ^^^^");
    }

    #[test]
    fn characters_that_a_terminal_obeys_or_hides_are_shown() {
        assert_eq!(drawn("\0\u{1b}[2J<web>"), "  |\n7 | ␀␛[2Jweb\n  |      ^^^");
        assert_eq!(drawn("\u{9b}2J\u{202e}\u{feff}\u{200b}<x>\r!"), "  |\n7 | �2J���x␍!\n  |       ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let (before, after) = ("b".repeat(4_000_000), "a".repeat(4_000_000));
        for text in [format!("{before}<web>{after}"), format!("<web>{after}"), format!("{before}<web>")] {
            let drawn = drawn(&text);
            let lines: Vec<_> = drawn.lines().collect();
            assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= WIDTH), "{drawn}");
            assert_eq!(lines[1].find("web"), lines[2].find("^^^"), "{drawn}");
            assert_eq!(lines[1].starts_with("7 | ..."), text.starts_with('b'), "{drawn}");
            assert_eq!(lines[1].ends_with("..."), text.ends_with('a'), "{drawn}");
        }
    }
}
