//! Recordings, as `netmon compare` reads them.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use netmon_compare::{
    batches::Run,
    comparison::{Settings, compare},
};

/// Reads bytes as the lines of a recording, and compares it with itself. Lines are compressed here: a mutation of compressed
/// ones would hardly reach them.
pub(super) fn read(bytes: &[u8]) -> bool {
    drop(Run::read(bytes));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    let Ok(file) = encoder.write_all(bytes).and_then(|()| encoder.finish()) else { return false };
    let Ok(run) = Run::read(file.as_slice()) else { return false };
    let runs = [run];
    let comparison = compare(&runs, &runs, &Settings::default());
    assert!(!comparison.is_regression(), "a recording is not worse than itself");
    true
}
