//! Qdiscs and filters as tc shows them: an observer of impairments that is not netmon.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sandbox::run;

/// The counters of a qdisc.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qdisc {
    /// Its handle, in tc's notation.
    pub handle: String,
    /// Bytes that left it.
    pub bytes: u64,
    /// Packets that left it.
    pub packets: u64,
    /// Packets dropped by it, or by a program on it.
    pub drops: u64,
    /// Packets that wait in it.
    pub waiting: u64,
}

fn tc(namespace: &str, words: &[&str]) -> String {
    let within = if namespace == "root" { vec![] } else { vec!["-n", namespace] };
    run("tc", &[&within[..], words].concat())
}

/// The qdisc of this kind on an interface. Returns `None` if there is none.
///
/// # Panics
///
/// If tc does not show the interface.
#[must_use]
pub fn qdisc(namespace: &str, interface: &str, kind: &str) -> Option<Qdisc> {
    let said = tc(namespace, &["-s", "-j", "qdisc", "show", "dev", interface]);
    let all: Value = serde_json::from_str(&said).expect("tc prints JSON");
    let found = all.as_array().expect("a list").iter().find(|one| one["kind"] == kind)?;
    let number = |what: &str| found[what].as_u64().expect("a count");
    Some(Qdisc {
        handle: found["handle"].as_str().expect("a handle").to_owned(),
        bytes: number("bytes"),
        packets: number("packets"),
        drops: number("drops"),
        waiting: number("qlen"),
    })
}

/// All qdiscs of an interface, without their counters.
#[must_use]
pub fn qdiscs(namespace: &str, interface: &str) -> String {
    tc(namespace, &["qdisc", "show", "dev", interface])
}

/// The egress filters, without what differs between two loads of a program.
#[must_use]
pub fn egress_filters(namespace: &str, interface: &str) -> String {
    let said = tc(namespace, &["filter", "show", "dev", interface, "egress"]);
    let lines = said.lines().map(|line| line.split(" id ").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether this kernel has netem. Tries it on an interface that has no other qdisc.
#[must_use]
pub fn kernel_has_netem() -> bool {
    let netem = |verb: &str| {
        let words = ["qdisc", verb, "dev", "lo", "root", "netem", "delay", "1ms"];
        Command::new("tc").args(words).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let has = netem("add");
    if has {
        netem("delete");
    }
    has
}
