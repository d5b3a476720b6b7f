//! The two formats of a listing, and printing to standard output.

use std::io::{self, Write as _};

use clap::ValueEnum;

/// The format of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Prints text that may be styled. Styles are removed if standard output is no terminal.
///
/// Succeeds if the reader has closed the pipe (`| head`).
///
/// # Errors
///
/// Fails if standard output cannot be written to.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
