//! Text from files, processes and interfaces, made safe for messages and terminals.

use std::borrow::Cow;

/// Returns a text for use in a message: quoted, escaped and of bounded length.
#[must_use]
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Returns a text with its control characters escaped, so that it neither controls a terminal nor breaks a line.
///
/// # Examples
///
/// ```
/// use netmon_model::text::printable;
///
/// assert_eq!(printable("veth0"), "veth0");
/// assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_control(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    Cow::Owned(escaped)
}

/// Returns several lines with all other control characters escaped, except tabs.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_control(c) && !is_layout(c)) {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive(is_layout);
    Cow::Owned(
        lines
            .map(|line| match line.strip_suffix(is_layout) {
                Some(start) => format!("{}{}", printable(start), &line[start.len()..]),
                None => printable(line).into_owned(),
            })
            .collect(),
    )
}

/// Control characters, and those that turn the direction of what follows (UAX #9).
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_layout(c: char) -> bool {
    c == '\n' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_escaped_and_lines_stay_lines() {
        assert_eq!(printable("\u{1b}]0;pwn\u{7}\u{9b}2J\r"), "\\u{1b}]0;pwn\\u{7}\\u{9b}2J\\r");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable_lines("one\n\tt\u{1b}wo\r\n\nend"), "one\n\tt\\u{1b}wo\\r\n\nend");
        assert!(matches!(printable_lines("plain\ttext\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_long_text_is_cut_before_it_is_shown() {
        assert!(quoted(&"x".repeat(4_000_000)).len() < 100);
        assert_eq!(quoted("a\u{1b}b"), "\"a\\u{1b}b\"");
    }
}
