//! A skip is never a pass: it is printed with its reason, and is a failure where every test has to run.

use std::{
    env,
    io::{self, Write as _},
    thread,
};

/// `cargo xtask test` sets it to 1: then a skip fails.
const STRICT: &str = "NETMON_TEST_STRICT";

/// Reports that the running test cannot run on this machine. The caller returns.
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
/// If skips are failures.
pub fn skip(reason: &str) {
    let strict = env::var(STRICT).is_ok_and(|value| value == "1");
    assert!(!strict, "cannot be skipped, because {STRICT}=1: {reason}");
    let name = thread::current().name().unwrap_or("a test").to_owned();
    // Not with eprintln!, whose output the harness hides for passing tests. If stderr is closed, there is no reader.
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {reason}");
}
