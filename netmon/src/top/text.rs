//! Text from outside, made safe for a terminal and cut to a width.
//!
//! Names of namespaces, services and probes may hold any character. A control character that reached the terminal
//! could move the cursor or change the terminal's settings, so it is shown as an escape instead.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::glyphs::Glyphs;

/// Returns a text with its control characters and its invisible characters escaped. With ASCII glyphs, every
/// character beyond ASCII is escaped.
pub(crate) fn visible(text: &str, glyphs: &Glyphs) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) || (glyphs.is_ascii && !character.is_ascii()) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns whether a character changes the terminal or the order of the text, or takes no place.
fn is_hidden(character: char) -> bool {
    let reorders =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || reorders || character.width().is_none_or(|width| width == 0)
}

/// Returns how many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a name in its middle to at most `columns`: its beginning and its end tell it from others.
pub(crate) fn fit(name: &str, columns: usize, glyphs: &Glyphs) -> String {
    if name.width() <= columns {
        return name.to_owned();
    }
    let Some(room) = columns.checked_sub(glyphs.ellipsis.width()) else { return String::new() };
    let tail = last(name, room / 2);
    format!("{}{}{tail}", first(name, room - tail.width()), glyphs.ellipsis)
}

/// Cuts a text at its end to at most `columns`.
pub(crate) fn cut(text: &str, columns: usize, glyphs: &Glyphs) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(glyphs.ellipsis.width()) else { return String::new() };
    format!("{}{}", first(text, room), glyphs.ellipsis)
}

/// Returns as much of the beginning of a text as fits.
pub(crate) fn first(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// Returns as much of the end of a text as fits.
fn last(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices().rev() {
        used += character.width().unwrap_or(0);
        if used > columns {
            return &text[at + character.len_utf8()..];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::terminal::Charset;

    const UTF8: Glyphs = Glyphs::of(Charset::Utf8);
    const ASCII: Glyphs = Glyphs::of(Charset::Ascii);

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        assert_eq!(visible("a\u{1b}[2Jb\u{7f}\u{9b}", &UTF8), r"a\u{1b}[2Jb\u{7f}\u{9b}");
        assert_eq!(visible("\u{202e}txt\u{200b}", &UTF8), r"\u{202e}txt\u{200b}");
        assert_eq!(visible("grün-網", &UTF8), "grün-網");
        assert_eq!(visible("grün", &ASCII), r"gr\u{fc}n");
    }

    #[test]
    fn a_name_is_cut_in_its_middle() {
        assert_eq!(fit("root:veth0--direct_netns:veth1", 16, &UTF8), "root:vet…s:veth1");
        assert_eq!(fit("root:veth0--direct_netns:veth1", 16, &ASCII), "root:vet~s:veth1");
        assert_eq!(fit("short", 16, &UTF8), "short");
        assert_eq!(fit("short", 0, &UTF8), "");
    }

    #[test]
    fn a_wide_character_is_never_cut_in_half() {
        for columns in 0..12 {
            assert!(width(&fit("網網網網網網", columns, &UTF8)) <= columns);
            assert!(width(&cut("網網網網網網", columns, &UTF8)) <= columns);
        }
    }
}
