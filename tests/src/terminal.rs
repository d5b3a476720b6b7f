//! `netmon` on a terminal of its own.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::binary::netmon;

/// Runs `netmon ARGUMENTS` on a terminal into which `typed` is typed. Returns the exit code and what the terminal
/// shows.
///
/// # Panics
///
/// If script(1), which makes the terminal, cannot be run.
#[must_use]
pub fn on_a_terminal(arguments: &str, typed: &str) -> (Option<i32>, String) {
    let command = format!("{} {arguments}", netmon().display());
    let mut script = Command::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script is installed");
    let mut input = script.stdin.take().expect("a pipe");
    // A program that does not read its input may have exited.
    let _ = input.write_all(typed.as_bytes());
    drop(input);
    let output = script.wait_with_output().expect("a child of this test");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
