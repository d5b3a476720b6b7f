//! `[[expect]]`: a check, and the result that it must have.

use std::{collections::BTreeSet, time::Duration};

use netmon_model::{
    lab::{Expectation, Traffic},
    names::{LinkName, NsName},
    text::quoted,
};

use super::{
    impair,
    index::Index,
    report::Report,
    section::{Section, Text},
    suggest::closest,
    time,
    traffic::{self, TrafficKinds},
};

/// More attempts would take too long for a test.
pub(super) const MAX_ATTEMPTS: i128 = 10_000;
/// The default number of attempts, except for a command.
const DEFAULT_ATTEMPTS: u32 = 3;

const KINDS: TrafficKinds = TrafficKinds {
    section: "an expectation",
    keys: &["icmp", "tcp", "http", "dns", "command"],
    example: "icmp = \"10.9.0.2\"",
    advice: "keep one of them, and write another [[expect]] for the other",
};

/// Reads one section. `links` has every link of the lab. `None` if some could not be read.
pub(super) fn read(
    section: &Section<'_, '_>,
    index: &Index,
    links: Option<&BTreeSet<&LinkName>>,
    report: &mut Report<'_>,
) -> Option<Expectation> {
    let written_name = section.string("name", report);
    let from =
        section.string("from", report).and_then(|name| index.own_namespace(&name, "an expectation", report));
    let traffic = traffic::read(section, &KINDS, report);
    let default = if matches!(traffic, Some(Traffic::Command(_))) { 1 } else { DEFAULT_ATTEMPTS };
    let count = read_count(section, report).unwrap_or(default);
    let reachable = section.boolean("reachable", report).unwrap_or(true);
    let status = traffic::read_status(section, traffic.as_ref(), report);
    let lost_at_most_ppm = section.string("lost_at_most", report).and_then(|text| share(&text, report));
    let p50_below = section.string("p50_below", report).and_then(|text| time::read(&text, report));
    let p99_below = section.string("p99_below", report).and_then(|text| time::read(&text, report));
    let link_latency_below = read_link_latency(section, report);
    let throughput_at_least = section.string("throughput_at_least", report);
    let throughput_at_least = throughput_at_least.and_then(|text| {
        let sink = traffic.as_ref().and_then(|traffic| read_sink(traffic, &text, index, report));
        Some((impair::amount(&text, report)?, sink))
    });
    if !reachable {
        refuse_bounds(section, report);
    }
    let crosses = read_links(section, "crosses", links, report);
    let avoids = read_links(section, "avoids", links, report);
    let (from, traffic) = (from?, traffic?);
    let named = written_name.map(|name| (*name.get_ref()).to_owned());
    let verb = if reachable { "reaches" } else { "does not reach" };
    let name = named.unwrap_or_else(|| match &traffic {
        Traffic::Command(_) if reachable => format!("{from}: {traffic}"),
        Traffic::Command(_) => format!("{from}: {traffic} fails"),
        _ => format!("{from} {verb} {traffic}"),
    });
    let lost_at_most_ppm = lost_at_most_ppm.unwrap_or(0);
    Some(Expectation {
        name,
        from,
        traffic,
        count,
        reachable,
        status,
        lost_at_most_ppm,
        p50_below,
        p99_below,
        link_latency_below,
        throughput_at_least: throughput_at_least.as_ref().map(|(rate, _)| *rate),
        sink: throughput_at_least.and_then(|(_, sink)| sink),
        crosses,
        avoids,
    })
}

fn read_count(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<u32> {
    let written = section.integer("count", report)?;
    let count = *written.get_ref();
    if !(1..=MAX_ATTEMPTS).contains(&count) {
        let help = format!("write 1 to {MAX_ATTEMPTS}");
        report.error(written.span(), format!("a count of {count} is out of range"), help);
    }
    u32::try_from(count).ok()
}

fn refuse_bounds(section: &Section<'_, '_>, report: &mut Report<'_>) {
    for key in
        ["status", "lost_at_most", "p50_below", "p99_below", "link_latency_below", "throughput_at_least"]
    {
        if let Some(written) = section.get(key) {
            let message = format!("`{key}` has no meaning with `reachable = false`");
            report.error(written.span(), message, "remove one of them");
        }
    }
}

fn read_link_latency(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Duration> {
    let written = section.string("link_latency_below", report)?;
    if section.get("crosses").is_none() {
        let message = "`link_latency_below` is a bound on the links of `crosses`, which is missing";
        report.error(written.span(), message, "add the links, for example crosses = [\"uplink\"]");
    }
    time::read(&written, report)
}

/// Returns the namespace in which netmon receives the load of `tcp`: the one that has the address. A load of `http` is
/// a page of a server.
fn read_sink(
    traffic: &Traffic,
    written: &Text<'_>,
    index: &Index,
    report: &mut Report<'_>,
) -> Option<NsName> {
    match traffic {
        Traffic::Http(_) => None,
        Traffic::Tcp(to) => {
            let holder = index.holder_of(to.ip()).cloned();
            if holder.is_none() && index.knows_all_addresses() {
                let message = format!("no namespace of this lab has the address {}", to.ip());
                let help = "netmon receives the load itself: write an address of the lab, or use `http`";
                report.error(written.span(), message, help);
            }
            holder
        }
        _ => {
            let message = "`throughput_at_least` applies to `tcp` and `http` only";
            report.error(written.span(), message, "remove `throughput_at_least`");
            None
        }
    }
}

/// Reads a share such as `1%`, in millionths.
fn share(written: &Text<'_>, report: &mut Report<'_>) -> Option<u32> {
    let number = written.get_ref().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number.filter(|percent| (0.0..=100.0).contains(percent)) {
        Some(percent) => Some((percent * 10_000.0).round() as u32),
        None => {
            let message = format!("{} is not a share", quoted(written.get_ref()));
            report.error(written.span(), message, "write \"0%\" to \"100%\", for example \"0.5%\"");
            None
        }
    }
}

fn read_links(
    section: &Section<'_, '_>,
    key: &str,
    links: Option<&BTreeSet<&LinkName>>,
    report: &mut Report<'_>,
) -> Vec<LinkName> {
    let mut named = Vec::new();
    for written in section.strings(key, report).unwrap_or_default() {
        let name: Option<LinkName> = written.get_ref().parse().ok();
        let known = links.filter(|_| !report.may_lack_sections());
        if let Some(known) = known.filter(|known| name.as_ref().is_none_or(|name| !known.contains(name))) {
            let names = known.iter().map(|name| name.as_str());
            let help = match closest(written.get_ref(), names, &mut report.comparisons_left) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => "write the `name` of a [[link]]".to_owned(),
            };
            let message = format!("there is no link {} in this lab", quoted(written.get_ref()));
            report.error(written.span(), message, help);
        }
        named.extend(name);
    }
    named
}
