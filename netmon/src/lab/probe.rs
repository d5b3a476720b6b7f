//! `[[probe]]`: what is tried again and again while the lab is watched.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

use super::{
    diagnostic::{Report, quoted},
    index::Index,
    section::{Section, Text},
    time,
    traffic::{self, Kinds, Traffic},
};
use crate::names::NsName;

/// The time between two attempts unless the file says so.
const INTERVAL: Duration = Duration::from_secs(1);
/// More often is load, and no probe.
const SHORTEST: Duration = Duration::from_millis(10);
/// Less often is a probe that nobody is there to see.
const LONGEST: Duration = Duration::from_secs(3600);

const KINDS: Kinds = Kinds {
    whose: "a probe",
    keys: &["icmp", "tcp", "http", "dns"],
    example: "icmp = \"10.9.0.2\"",
    other: "keep one of them, and write another [[probe]] for the other",
};

/// Something that is tried again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The `target` label of its metrics. With `from` and the kind of its traffic it is once in a lab.
    pub target: String,
    /// Where it is sent from: `root`, or one of the lab's namespaces.
    pub from: NsName,
    /// What is tried; never a command.
    pub traffic: Traffic,
    /// The status that an HTTP request is answered with; none for any from 200 to 399.
    pub status: Option<u16>,
    /// From one attempt to the next.
    pub interval: Duration,
    /// How long an attempt may take; never longer than the interval.
    pub timeout: Duration,
}

/// Reads all sections.
pub(super) fn read_all(sections: &[Section<'_, '_>], index: &Index, report: &mut Report<'_>) -> Vec<Probe> {
    let mut places = HashMap::new();
    let mut probes = Vec::with_capacity(sections.len());
    for section in sections {
        let Some(probe) = read(section, index, report) else { continue };
        let key = (probe.from.clone(), probe.traffic.kind(), probe.target.clone());
        if let Some(first) = places.insert(key, section.at().start) {
            let Probe { from, target, .. } = &probe;
            let message = format!("there are two {} probes of {target} from {from}", probe.traffic.kind());
            let help = format!("the first one is on line {}; give this one a `name`", report.line(first));
            report.error(section.at(), message, help);
        }
        probes.push(probe);
    }
    probes
}

fn read(section: &Section<'_, '_>, index: &Index, report: &mut Report<'_>) -> Option<Probe> {
    let name = section.string("name", report).and_then(|name| label(&name, report));
    let from = section.string("from", report).and_then(|name| index.namespace(&name, report));
    let traffic = traffic::read(section, &KINDS, report);
    let status = traffic::read_status(section, traffic.as_ref(), report);
    let within =
        |text: Text<'_>, most, report: &mut Report<'_>| time::read_within(&text, SHORTEST..=most, report);
    let interval = section.string("interval", report).and_then(|text| within(text, LONGEST, report));
    let interval = interval.unwrap_or(INTERVAL);
    let timeout = section.string("timeout", report).and_then(|text| within(text, interval, report));
    let (from, traffic) = (from?, traffic?);
    let target = name.unwrap_or_else(|| traffic.target());
    Some(Probe { target, from, traffic, status, interval, timeout: timeout.unwrap_or(interval) })
}

fn label(written: &Text<'_>, report: &mut Report<'_>) -> Option<String> {
    let name = *written.get_ref();
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let message = format!("{} is no name for a probe's target", quoted(name));
        report.error(written.span(), message, "any text without white space will do, for example \"web\"");
        return None;
    }
    Some(name.to_owned())
}
