//! A skip is never a pass: it is printed with its reason, and fails where everything has to run.

use std::{
    env,
    io::{self, Write as _},
    thread,
};

/// Set to 1 by `cargo xtask test`: a skip fails.
const STRICT: &str = "NETMON_TEST_STRICT";

/// Says that the running test cannot do its work on this machine. The caller returns.
///
/// ```no_run
/// fn test() {
///     if !std::path::Path::new("/sys/fs/bpf").exists() {
///         return netmon_tests::skip::skip("this kernel has no bpffs");
///     }
/// }
/// ```
///
/// # Panics
///
/// When tests are strict.
pub fn skip(reason: &str) {
    let strict = env::var(STRICT).is_ok_and(|value| value == "1");
    assert!(!strict, "cannot be skipped, because {STRICT}=1: {reason}");
    let name = thread::current().name().unwrap_or("a test").to_owned();
    // Not by eprintln!, whose output the harness keeps from passing tests. If stderr is gone, so is the reader.
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {reason}");
}
