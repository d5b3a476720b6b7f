//! Standard output: its terminal, the two formats of a listing, and printing.

use std::{
    env,
    io::{self, Write as _},
};

use clap::ValueEnum;
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

/// Prints text that may be styled. Styles are removed if standard output is no terminal.
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
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}
