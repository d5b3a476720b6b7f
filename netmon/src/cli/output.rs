//! Standard output: its terminal, the two formats of a listing, and printing.

use std::{
    borrow::Cow,
    env,
    io::{self, Write as _},
};

use clap::ValueEnum;
use netmon_model::text::printable_lines;
use rustix::termios::tcgetwinsize;

use crate::render::terminal::Terminal;

/// The format of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Returns what standard output can show.
pub(super) fn terminal() -> Terminal {
    let window = tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    Terminal::new(window, |variable| env::var(variable).ok())
}

/// Prints text that may be styled. Styles are removed if standard output is no terminal. Control characters are escaped:
/// names and answers of other programs may have some.
///
/// Succeeds if the reader has closed the pipe (`| head`).
///
/// # Errors
///
/// Fails if standard output cannot be written to.
pub fn print(text: &str) -> io::Result<()> {
    print_while_read(text).map(drop)
}

/// As [`print`]. Returns whether there is still a reader.
///
/// # Errors
///
/// As [`print`].
pub fn print_while_read(text: &str) -> io::Result<bool> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(harmless(text).as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Escapes all control characters but those that styles and lines are made of (ECMA-48 SGR).
fn harmless(text: &str) -> Cow<'_, str> {
    let mut pieces = text.split('\u{1b}');
    let start = pieces.next().unwrap_or_default();
    let mut safe = printable_lines(start).into_owned();
    let mut is_changed = safe != start;
    for piece in pieces {
        let style = style_length(piece);
        let (style, rest) = piece.split_at(style);
        safe.push_str(if style.is_empty() { "\\u{1b}" } else { "\u{1b}" });
        safe.push_str(style);
        safe.push_str(&printable_lines(rest));
        is_changed |= style.is_empty() || printable_lines(rest) != rest;
    }
    if is_changed { Cow::Owned(safe) } else { Cow::Borrowed(text) }
}

/// Returns how many bytes at the start belong to a style, whose escape character comes before them.
fn style_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix('[') else { return 0 };
    let length = parameters.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if parameters.as_bytes().get(length) == Some(&b'm') { length + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_kept_and_every_other_escape_is_visible() {
        let styled = "\u{1b}[1;32mok\u{1b}[0m\n\tnext";
        assert_eq!(harmless(styled), styled);
        assert_eq!(harmless("a\u{1b}[2Jb\u{1b}]0;t\u{7}\r"), "a\\u{1b}[2Jb\\u{1b}]0;t\\u{7}\\r");
        assert_eq!(harmless("end\u{1b}"), "end\\u{1b}");
        assert_eq!(harmless("\u{1b}[31"), "\\u{1b}[31");
    }
}
