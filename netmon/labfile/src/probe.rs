//! `[[probe]]`: what is tried again and again while the lab is watched.

use std::{collections::HashMap, time::Duration};

use netmon_model::{lab::Probe, text::quoted};

use super::{
    index::Index,
    report::Report,
    section::{Section, Text},
    time,
    traffic::{self, Kinds},
};

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
