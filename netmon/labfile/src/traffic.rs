//! The check of a section: exactly one of the kinds that the section can have, and the keys that belong to it.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use netmon_model::{
    lab::{Query, RECORD_TYPES, RecordType, Traffic, Url},
    text::quoted,
};

use crate::{
    address,
    report::Report,
    section::{Section, Text},
};

/// The kinds of check that a section can have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrafficKinds {
    /// The section in messages, with its article.
    pub(crate) section: &'static str,
    /// Their keys.
    pub(crate) keys: &'static [&'static str],
    /// What to write if there is none.
    pub(crate) example: &'static str,
    /// What to do if there are two.
    pub(crate) advice: &'static str,
}

impl TrafficKinds {
    /// All keys as a phrase, with this word before the last one.
    fn listed(&self, word: &str) -> String {
        let quoted: Vec<_> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        match quoted.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
            None => String::new(),
        }
    }
}

/// Reads the check of a section.
pub(crate) fn read(
    section: &Section<'_, '_>,
    kinds: &TrafficKinds,
    report: &mut Report<'_>,
) -> Option<Traffic> {
    let mut written = kinds.keys.iter().filter_map(|kind| section.get(kind));
    match (written.next(), written.next()) {
        (None, _) => {
            if report.is_whole(&section.at()) {
                let message = format!("{} lacks {}", section.title(), kinds.listed("or"));
                report.error(section.at(), message, format!("add a check, for example {}", kinds.example));
            }
            return None;
        }
        (Some(_), Some(second)) => {
            let message = format!("{} can have only one of {}", kinds.section, kinds.listed("and"));
            report.error(second.span(), message, kinds.advice);
        }
        (Some(_), None) => {}
    }
    let has = |key: &str| kinds.keys.contains(&key) && section.get(key).is_some();
    if !has("dns") {
        refuse_query(section, report);
    }
    if has("icmp") {
        return section.string("icmp", report).and_then(|to| address::host(&to, report)).map(Traffic::Icmp);
    }
    if has("tcp") {
        return section.string("tcp", report).and_then(|to| address::socket(&to, report)).map(Traffic::Tcp);
    }
    if has("http") {
        return section.string("http", report).and_then(|to| url(&to, report)).map(Traffic::Http);
    }
    if has("dns") {
        return query(section, report).map(Traffic::Dns);
    }
    command(section, report)
}

fn command(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Traffic> {
    let words = section.strings("command", report)?;
    if words.is_empty() {
        let at = section.get("command").map_or(section.at(), toml::Spanned::span);
        report.error(at, "`command` is empty", "write the program and its arguments, one string each");
        return None;
    }
    Some(Traffic::Command(words.into_iter().map(|word| (*word.get_ref()).to_owned()).collect()))
}

fn url(written: &Text<'_>, report: &mut Report<'_>) -> Option<Url> {
    let parsed = written.get_ref().parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
    let host = parsed.as_ref().and_then(|uri| uri.host()).map(|host| host.trim_matches(['[', ']']));
    let Some((uri, address)) = parsed.as_ref().zip(host.and_then(|host| host.parse::<IpAddr>().ok())) else {
        let message = format!("{} is not an http:// URL with an IP address", quoted(written.get_ref()));
        report.error(
            written.span(),
            message,
            "write a URL such as \"http://10.9.0.2/\": names are not resolved",
        );
        return None;
    };
    let address = SocketAddr::new(address, uri.port_u16().unwrap_or(80));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Some(Url { address, path: path.to_owned() })
}

fn query(section: &Section<'_, '_>, report: &mut Report<'_>) -> Option<Query> {
    let server = section.string("dns", report).and_then(|to| address::socket(&to, report));
    let name = match section.get("query") {
        Some(_) => section.string("query", report).and_then(|name| domain(&name, report)),
        None => {
            let at = section.get("dns").map_or(section.at(), toml::Spanned::span);
            report.error(
                at,
                "`dns` lacks `query`",
                "add the name to query, for example query = \"example.test\"",
            );
            None
        }
    };
    let record = match section.get("type") {
        Some(_) => section.string("type", report).and_then(|kind| record_type(&kind, report)),
        None => Some(RecordType::A),
    };
    Some(Query { server: server?, name: name?, record: record? })
}

/// Reads a name of at most 253 bytes with labels of 1 to 63 (RFC 1035, 2.3.4), of any visible ASCII characters.
fn domain(written: &Text<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = *written.get_ref();
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_graphic());
    let is_root = text == ".";
    if !is_root && (name.len() > 253 || !name.split('.').all(is_label)) {
        let message = format!("{} is not a DNS name", quoted(text));
        report.error(written.span(), message, "write a name such as \"example.test\", or \".\" for the root");
        return None;
    }
    Some(name.to_owned())
}

fn record_type(written: &Text<'_>, report: &mut Report<'_>) -> Option<RecordType> {
    let parsed = written.get_ref().parse().ok();
    if parsed.is_none() {
        let message = format!("{} is not a supported type of DNS record", quoted(written.get_ref()));
        let names: Vec<_> = RECORD_TYPES.into_iter().map(|(name, _)| name).collect();
        report.error(written.span(), message, format!("write one of {}", names.join(", ")));
    }
    parsed
}

/// Reports the keys of a DNS query where there is none.
fn refuse_query(section: &Section<'_, '_>, report: &mut Report<'_>) {
    for key in ["query", "type"] {
        if let Some(written) = section.get(key) {
            report.error(written.span(), format!("`{key}` applies to `dns` only"), format!("remove `{key}`"));
        }
    }
}

/// Reads the required status of the answer to an HTTP request.
pub(crate) fn read_status(
    section: &Section<'_, '_>,
    traffic: Option<&Traffic>,
    report: &mut Report<'_>,
) -> Option<u16> {
    let written = section.integer("status", report)?;
    let status = *written.get_ref();
    if !(100..=599).contains(&status) {
        report.error(
            written.span(),
            format!("there is no HTTP status {status}"),
            "write 100 to 599, for example 200",
        );
    } else if traffic.is_some_and(|traffic| !matches!(traffic, Traffic::Http(_))) {
        report.error(written.span(), "`status` applies to `http` only", "remove `status`");
    }
    u16::try_from(status).ok()
}
