//! The exit codes.

/// The exit code of the process. Scripts rely on these: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Success.
    Ok = 0,
    /// Failed for a reason without a code of its own.
    Failed = 1,
    /// Wrong usage, or an invalid lab file.
    Usage = 2,
    /// A privilege or a kernel feature is missing.
    Unavailable = 3,
    /// An object that netmon does not own is in the way, or another process holds the lab.
    Conflict = 4,
    /// An expectation of the lab file did not hold, a traced packet did not arrive, or a run is worse than another.
    Expectation = 5,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
