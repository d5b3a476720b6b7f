//! `[[expect]]`: what is tried, and what has to come of it.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hyper::Uri;
use serde::Serialize;

use super::{
    address,
    diagnostic::{Report, quoted},
    index::Index,
    section::{Section, Text},
    suggest::closest,
};
use crate::names::{LinkName, NsName};

/// More attempts take longer than anybody waits for a test.
pub(super) const MOST_ATTEMPTS: i128 = 10_000;
/// How often something is tried unless the file says so.
const ATTEMPTS: u32 = 3;

/// Something that has to be so while the lab is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// What reports call it.
    pub name: String,
    /// Where it is tried: `root`, or one of the lab's namespaces.
    pub from: NsName,
    /// What is tried.
    pub traffic: Traffic,
    /// How often.
    pub count: u32,
    /// Whether it is to succeed, or to fail each time.
    pub reachable: bool,
    /// The status that an HTTP request is answered with; none for any from 200 to 399.
    pub status: Option<u16>,
    /// How many attempts in a million may fail.
    pub lost_at_most_ppm: u32,
    /// A bound on the median.
    pub p50_below: Option<Duration>,
    /// A bound on the 99th percentile.
    pub p99_below: Option<Duration>,
    /// Links on each of which the packets have to be seen.
    pub crosses: Vec<LinkName>,
    /// Links on none of which they may be seen.
    pub avoids: Vec<LinkName>,
}

impl Expectation {
    /// The links that it speaks of.
    pub fn links(&self) -> impl Iterator<Item = &LinkName> {
        self.crosses.iter().chain(&self.avoids)
    }
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Traffic {
    /// An echo.
    Icmp(IpAddr),
    /// A connection, closed at once.
    Tcp(SocketAddr),
    /// A request.
    Http(Url),
    /// A program and its arguments.
    Command(Vec<String>),
}

/// A URL of plain HTTP whose host is an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Url {
    /// Where to connect to.
    pub address: SocketAddr,
    /// What to ask for, with a query if there is one.
    pub path: String,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp(to) => write!(f, "icmp {to}"),
            Self::Tcp(to) => write!(f, "tcp {to}"),
            Self::Http(url) => write!(f, "http {}{}", url.address, url.path),
            Self::Command(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// Reads one section. `links` has every link of the lab, unless some could not be read.
pub(super) fn read(
    section: &Section<'_, '_>,
    index: &Index,
    links: Option<&BTreeSet<&LinkName>>,
    report: &mut Report<'_>,
) -> Option<Expectation> {
    let written_name = section.string("name", report);
    let from = section.string("from", report).and_then(|name| index.namespace(&name, report));
    let traffic = read_traffic(section, report);
    let usual = if matches!(traffic, Some(Traffic::Command(_))) { 1 } else { ATTEMPTS };
    let count = read_count(section, report).unwrap_or(usual);
    let reachable = section.boolean("reachable", report).unwrap_or(true);
    let status = read_status(section, traffic.as_ref(), report);
    let lost_at_most_ppm = section.string("lost_at_most", report).and_then(|text| share(&text, report));
    let p50_below = section.string("p50_below", report).and_then(|text| time(&text, report));
    let p99_below = section.string("p99_below", report).and_then(|text| time(&text, report));
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
        crosses,
        avoids,
    })
}

fn read_traffic(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Traffic> {
    let kinds = ["icmp", "tcp", "http", "command"];
    let mut written = kinds.into_iter().filter_map(|kind| section.get(kind));
    match (written.next(), written.next()) {
        (None, _) => {
            if report.is_whole(&section.at()) {
                let help = "say what is tried, for example icmp = \"10.9.0.2\"";
                report.error(section.at(), "[[expect]] lacks `icmp`, `tcp`, `http` or `command`", help);
            }
            return None;
        }
        (Some(_), Some(second)) => {
            let help = "keep one of them, and write another [[expect]] for the other";
            report.error(
                second.span(),
                "an expectation has one of `icmp`, `tcp`, `http` and `command`",
                help,
            );
        }
        (Some(_), None) => {}
    }
    let icmp =
        section.string("icmp", report).and_then(|text| address::host(&text, report)).map(Traffic::Icmp);
    let tcp = section.string("tcp", report).and_then(|text| address::socket(&text, report)).map(Traffic::Tcp);
    let http = section.string("http", report).and_then(|text| url(&text, report)).map(Traffic::Http);
    let command = || {
        let words = section.strings("command", report)?;
        if words.is_empty() {
            let at = section.get("command").map_or(section.at(), toml::Spanned::span);
            report.error(at, "`command` is empty", "write the program and its arguments, a string each");
            return None;
        }
        Some(Traffic::Command(words.into_iter().map(|word| (*word.get_ref()).to_owned()).collect()))
    };
    icmp.or(tcp).or(http).or_else(command)
}

fn url(written: &Text<'_>, report: &mut Report<'_>) -> Option<Url> {
    let parsed = written.get_ref().parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let host = parsed.as_ref().and_then(|uri| uri.host()).map(|host| host.trim_matches(['[', ']']));
    let Some((uri, address)) = parsed.as_ref().zip(host.and_then(|host| host.parse::<IpAddr>().ok())) else {
        let message = format!("{} is no URL of plain HTTP with an address in it", quoted(written.get_ref()));
        report.error(
            written.span(),
            message,
            "write for example \"http://10.9.0.2/\": names are not looked up",
        );
        return None;
    };
    let address = SocketAddr::new(address, uri.port_u16().unwrap_or(80));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Some(Url { address, path: path.to_owned() })
}

fn read_count(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<u32> {
    let written = section.integer("count", report)?;
    let count = *written.get_ref();
    if !(1..=MOST_ATTEMPTS).contains(&count) {
        let help = format!("1 to {MOST_ATTEMPTS}");
        report.error(written.span(), format!("a count of {count} is out of range"), help);
    }
    u32::try_from(count).ok()
}

fn read_status(section: &Section<'_, '_>, traffic: Option<&Traffic>, report: &mut Report<'_>) -> Option<u16> {
    let written = section.integer("status", report)?;
    let status = *written.get_ref();
    if !(100..=599).contains(&status) {
        report.error(
            written.span(),
            format!("there is no HTTP status {status}"),
            "100 to 599, for example 200",
        );
    } else if traffic.is_some_and(|traffic| !matches!(traffic, Traffic::Http(_))) {
        report.error(written.span(), "only `http` is answered with a status", "take `status` out");
    }
    u16::try_from(status).ok()
}

fn refuse_bounds(section: &Section<'_, '_>, report: &mut Report<'_>) {
    for key in ["status", "lost_at_most", "p50_below", "p99_below"] {
        if let Some(written) = section.get(key) {
            let message = format!("`{key}` says nothing of what is not reached");
            report.error(written.span(), message, "take it out, or `reachable = false`");
        }
    }
}

/// A share such as `1%`, in millionths.
fn share(written: &Text<'_>, report: &mut Report<'_>) -> Option<u32> {
    let number = written.get_ref().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number.filter(|percent| (0.0..=100.0).contains(percent)) {
        Some(percent) => Some((percent * 10_000.0).round() as u32),
        None => {
            let message = format!("{} is no share", quoted(written.get_ref()));
            report.error(written.span(), message, "write \"0%\" to \"100%\", for example \"0.5%\"");
            None
        }
    }
}

fn time(written: &Text<'_>, report: &mut Report<'_>) -> Option<Duration> {
    let parsed = written.get_ref().parse::<jiff::SignedDuration>().ok();
    let time = parsed.and_then(|time| Duration::try_from(time).ok()).filter(|time| !time.is_zero());
    if time.is_none() {
        let message = format!("{} is no time", quoted(written.get_ref()));
        report.error(
            written.span(),
            message,
            "write a number and a unit, for example \"500us\", \"10ms\" or \"1s\"",
        );
    }
    time
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
