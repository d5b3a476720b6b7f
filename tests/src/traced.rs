//! Runs of `netmon trace`, and what they report.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use netmon_model::trace::{Rung, Trace, What};

use crate::binary::netmon;

/// Runs `netmon trace ARGUMENTS`. Returns its exit code and the trace.
///
/// # Panics
///
/// If it prints no trace.
pub fn traced(arguments: &[&str]) -> (i32, Trace) {
    let mut command = Command::new(netmon());
    command.arg("trace").args(arguments).args(["-o", "json"]).stdin(Stdio::null());
    let output = command.output().expect("netmon starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let trace = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{errors}"));
    (output.status.code().expect("netmon ends by itself"), trace)
}

/// Runs `netmon trace ARGUMENTS`, of which every run must be answered, and checks that the rungs add up.
///
/// # Panics
///
/// If a run is not answered, the rungs do not add up, or hooks are missing.
pub fn arrives(arguments: &[&str]) -> Trace {
    let (code, trace) = traced(arguments);
    assert_eq!((code, trace.arrived), (0, trace.sent), "{:?}", trace.sentences);
    let total = trace.total.expect("a way there and back");
    assert_eq!(trace.rungs.iter().map(|rung| rung.took_ns).sum::<u64>(), total.typical_ns, "{trace:#?}");
    assert!(trace.rungs.iter().all(|rung| rung.what != What::Unseen), "{trace:#?}");
    assert_eq!(trace.missed_events, 0);
    trace
}

/// The namespaces that a trace visits, in order.
#[must_use]
pub fn visited(trace: &Trace) -> Vec<&str> {
    let links: Vec<&Rung> = trace.rungs.iter().filter(|rung| rung.what == What::Link).collect();
    let first = links.first().map(|rung| rung.from.namespace.as_str());
    first.into_iter().chain(links.iter().map(|rung| rung.to.namespace.as_str())).collect()
}

/// Checks that a duration is what it should be, within five per cent.
///
/// # Panics
///
/// If it is not.
pub fn assert_close(what: &str, took_ns: u64, expected_ns: u64) {
    println!("{what}: {took_ns} ns, expected {expected_ns} ns");
    let off = took_ns.abs_diff(expected_ns);
    assert!(off * 20 <= expected_ns, "{what} took {took_ns} ns instead of {expected_ns} ns");
}

/// A server that is slow on purpose.
#[expect(clippy::disallowed_methods, reason = "its slowness is what the test measures")]
pub fn wait(pause: Duration) {
    thread::sleep(pause);
}
