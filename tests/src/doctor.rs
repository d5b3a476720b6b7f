//! `netmon doctor`, read as JSON.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::binary::netmon;

/// Runs `netmon doctor ARGUMENTS`. Returns the exit code and the diagnosis.
///
/// # Panics
///
/// If what it prints is not JSON.
#[must_use]
pub fn diagnosis(arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(netmon())
        .args([&["doctor", "-o", "json"], arguments].concat())
        .stdin(Stdio::null())
        .output()
        .expect("netmon starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = serde_json::from_str(&said);
    (output.status.code().unwrap_or(-1), json.unwrap_or_else(|e| panic!("{e}: {said}")))
}

/// The finding about `what`.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn finding<'d>(diagnosis: &'d Value, what: &str) -> &'d Value {
    let all = diagnosis["findings"].as_array().expect("a list");
    all.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("no {what} in {diagnosis}"))
}
