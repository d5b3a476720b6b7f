//! The `netmon` binary under test.

use std::{env, path::PathBuf};

/// The path that `cargo xtask test` sets after building it. A test never searches for a binary itself: it might find
/// last week's.
///
/// # Panics
///
/// If no path is set.
#[must_use]
pub fn netmon() -> PathBuf {
    match env::var_os("NETMON_BIN") {
        Some(path) => path.into(),
        None => panic!("NETMON_BIN is not set: run the tests by `cargo xtask test`, or set it to the binary"),
    }
}
