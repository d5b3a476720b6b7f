//! `[[probe]]`: checks that are repeated while an agent watches the lab.

use std::{collections::HashMap, time::Duration};

use netmon_model::{lab::Probe, text::quoted};

use super::{
    index::Index,
    report::Report,
    section::{Section, Text},
    time,
    traffic::{self, TrafficKinds},
};

/// The default time from one attempt to the next.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
/// Shorter intervals are a load, not a probe.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Longer intervals report an outage too late to be useful.
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

const KINDS: TrafficKinds = TrafficKinds {
    section: "a probe",
    keys: &["icmp", "tcp", "http", "dns"],
    example: "icmp = \"10.9.0.2\"",
    advice: "keep one of them, and write another [[probe]] for the other",
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
    let from = section.string("from", report).and_then(|name| index.own_namespace(&name, "a probe", report));
    let traffic = traffic::read(section, &KINDS, report);
    let status = traffic::read_status(section, traffic.as_ref(), report);
    let within =
        |text: Text<'_>, max, report: &mut Report<'_>| time::read_within(&text, MIN_INTERVAL..=max, report);
    let interval = section.string("interval", report).and_then(|text| within(text, MAX_INTERVAL, report));
    let interval = interval.unwrap_or(DEFAULT_INTERVAL);
    let timeout = section.string("timeout", report).and_then(|text| within(text, interval, report));
    let (from, traffic) = (from?, traffic?);
    let target = name.unwrap_or_else(|| traffic.target());
    Some(Probe { target, from, traffic, status, interval, timeout: timeout.unwrap_or(interval) })
}

fn label(written: &Text<'_>, report: &mut Report<'_>) -> Option<String> {
    let name = *written.get_ref();
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let message = format!("{} cannot name the target of a probe", quoted(name));
        report.error(written.span(), message, "write any text without white space, for example \"web\"");
        return None;
    }
    Some(name.to_owned())
}
