//! Exit codes, and how an error finds its own.
//!
//! A module's error says which code it means through [`ExitCode::because`] at the place where the command
//! turns it into `anyhow`; every error without one is code 1.

use std::fmt;

/// What the process ends with. Scripts rely on these: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Ok = 0,
    /// Failed for a reason that no other code names.
    Failed = 1,
    /// Wrong usage, or an invalid lab file.
    Usage = 2,
    /// A privilege or a kernel feature is missing.
    Unavailable = 3,
    /// Something that netmon does not own is in the way.
    Conflict = 4,
    /// An expectation of the lab file did not hold.
    Expectation = 5,
}

/// An error that knows the exit code it means.
#[derive(Debug)]
pub struct WithExitCode {
    code: ExitCode,
    source: anyhow::Error,
}

impl ExitCode {
    /// Marks an error with this exit code.
    pub fn because(self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        anyhow::Error::new(WithExitCode { code: self, source: error.into() })
    }

    /// The exit code of an error: the one that it was marked with, or [`ExitCode::Failed`].
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        error.downcast_ref::<WithExitCode>().map_or(Self::Failed, |marked| marked.code)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

impl fmt::Display for WithExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for WithExitCode {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}
