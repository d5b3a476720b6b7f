//! Runs of `netmon` that end by themselves: what it printed, and its exit code.

use std::process::{Command, Stdio};

use crate::{binary::netmon, sandbox::run};

/// Runs `netmon ARGUMENTS` to its end. Returns the exit code, and what it printed and logged.
///
/// # Panics
///
/// If it cannot be started, or a signal ends it.
pub fn netmon_says(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(netmon()).args(arguments).stdin(Stdio::null()).output().expect("netmon starts");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().expect("netmon ends by itself"), text)
}

/// Runs `netmon ARGUMENTS`, which must succeed. Returns what it printed and logged.
///
/// # Panics
///
/// If it fails.
pub fn succeeds(arguments: &[&str]) -> String {
    ends_with(0, arguments)
}

/// Runs `netmon ARGUMENTS`, which must succeed. Returns what it printed, without what it logged.
///
/// # Panics
///
/// If it fails.
pub fn printed(arguments: &[&str]) -> String {
    run(netmon().to_str().expect("a path in UTF-8"), arguments)
}

/// Runs `netmon ARGUMENTS`, which must fail with exit code `code`. Returns what it printed and logged.
///
/// # Panics
///
/// If it ends with another code.
pub fn fails(code: i32, arguments: &[&str]) -> String {
    assert_ne!(code, 0, "not the code of a failure");
    ends_with(code, arguments)
}

fn ends_with(code: i32, arguments: &[&str]) -> String {
    let (ended, said) = netmon_says(arguments);
    assert_eq!(ended, code, "netmon {}: {said}", arguments.join(" "));
    said
}

/// Takes a lab down when it is dropped, also when the test fails: its processes would outlive their sandbox.
#[derive(Debug)]
pub struct TakenDown(Option<&'static str>);

impl TakenDown {
    /// The lab of a file.
    #[must_use]
    pub const fn of(file: &'static str) -> Self {
        Self(Some(file))
    }

    /// The built-in lab.
    #[must_use]
    pub const fn direct() -> Self {
        Self(None)
    }
}

impl Drop for TakenDown {
    fn drop(&mut self) {
        // Not by `succeeds`, which may panic: the test may be panicking already.
        let down = Command::new(netmon()).arg("down").args(self.0).stdin(Stdio::null()).output();
        if !down.is_ok_and(|down| down.status.success()) {
            eprintln!("the lab could not be removed");
        }
    }
}
