//! The two forms of a listing, and how they are printed.

use std::io::{self, Write as _};

use clap::ValueEnum;

/// How a listing is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Prints text that may be styled; styles are taken out where it does not go to a terminal. A reader that has
/// seen enough (`| head`) is no error.
///
/// # Errors
///
/// When the standard output cannot be written to.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
