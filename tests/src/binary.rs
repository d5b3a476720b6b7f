//! The `netmon` binary under test.

use std::{env, path::PathBuf};

/// Where it is: `cargo xtask test` builds it and says so. A test never looks for one by itself, which might
/// be last week's.
///
/// # Panics
///
/// When nobody said where it is.
#[must_use]
pub fn netmon() -> PathBuf {
    match env::var_os("NETMON_BIN") {
        Some(path) => path.into(),
        None => panic!("NETMON_BIN is not set: run the tests by `cargo xtask test`, or set it to the binary"),
    }
}
