//! The networks of a host as a listing: links, ends without a peer, namespaces; and what changed, one line each.

use std::collections::BTreeMap;

use netmon_model::{
    names::NsName,
    survey::{Change, End, Link, LoneEnd, Namespace, Survey},
};

use super::{
    style::{BOLD, DIM},
    table::table,
};

const LINKS: [(&str, bool); 5] =
    [("LINK", false), ("KIND", false), ("A", false), ("B", false), ("STATE", false)];
const LONE: [(&str, bool); 3] = [("END", false), ("KIND", false), ("NO PEER, BECAUSE", false)];
const NAMESPACES: [(&str, bool); 6] = [
    ("NETNS", false),
    ("RUNTIME", false),
    ("LINKS", true),
    ("PROCESSES", true),
    ("MEMBERS", false),
    ("REMARK", false),
];

/// Renders a survey. Namespaces without links are listed if `all`, and counted otherwise.
#[must_use]
pub fn listing(survey: &Survey, all: bool) -> String {
    let ends = ends_by_namespace(survey);
    let (shown, hidden): (Vec<&Namespace>, Vec<&Namespace>) = survey
        .namespaces
        .iter()
        .partition(|netns| all || netns.name.is_root() || ends.contains_key(&netns.name));
    let mut parts = vec![format!("{BOLD}{}{BOLD:#}", headline(survey))];
    if !survey.links.is_empty() {
        parts.push(table(LINKS, survey.links.iter().map(link)));
    }
    if !survey.lone_ends.is_empty() {
        parts.push(table(LONE, survey.lone_ends.iter().map(lone)));
    }
    parts.push(table(NAMESPACES, shown.into_iter().map(|netns| namespace(netns, &ends))));
    let notes = notes(survey, hidden.len());
    if !notes.is_empty() {
        parts.push(format!("{DIM}{}{DIM:#}", notes.join("\n")));
    }
    parts.join("\n\n") + "\n"
}

/// Renders a change as one line.
#[must_use]
pub fn change(change: &Change) -> String {
    match change {
        Change::NamespaceFound { namespace } => format!("+ namespace {}", described(namespace)),
        Change::NamespaceChanged { was, namespace } if *was == namespace.name => {
            format!("~ namespace {}", described(namespace))
        }
        Change::NamespaceChanged { was, namespace } => {
            format!("~ namespace {was} is now {}", described(namespace))
        }
        Change::NamespaceGone { name, .. } => format!("- namespace {name}"),
        Change::LinkJoined { link } => format!("+ link {}", joined(link)),
        Change::LinkChanged { was, link } if *was == link.name => format!("~ link {}", joined(link)),
        Change::LinkChanged { was, link } => format!("~ link {was} is now {}", joined(link)),
        Change::LinkGone { name } => format!("- link {name}"),
        Change::Resynced { .. } => "! events were lost: everything was read again".to_owned(),
    }
}

fn headline(survey: &Survey) -> String {
    let links = counted(survey.links.len(), "link");
    let mut namespaces: Vec<&NsName> =
        survey.links.iter().flat_map(Link::ends).map(|end| &end.netns).collect();
    namespaces.sort();
    namespaces.dedup();
    match namespaces.len() {
        0 => "no links between namespaces".to_owned(),
        count => format!("{links} in {}", counted(count, "namespace")),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Returns how many ends of links each namespace has: none, if it only has ends without a peer.
fn ends_by_namespace(survey: &Survey) -> BTreeMap<&NsName, usize> {
    let mut ends: BTreeMap<&NsName, usize> =
        survey.lone_ends.iter().map(|lone| (&lone.end.netns, 0)).collect();
    for end in survey.links.iter().flat_map(Link::ends) {
        *ends.entry(&end.netns).or_default() += 1;
    }
    ends
}

fn link(link: &Link) -> [String; 5] {
    let kind = link.kind.as_str().to_owned();
    [link.name.to_string(), kind, end(&link.a), end(&link.b), state(link)]
}

fn end(end: &End) -> String {
    let bridge = end.bridge.as_ref().map(|bridge| format!(" ({bridge})")).unwrap_or_default();
    format!("{}:{}{bridge}", end.netns, end.interface)
}

fn state(link: &Link) -> String {
    let state = match (link.a.is_up, link.b.is_up) {
        (true, true) => "up",
        (false, false) => "down",
        (true, false) => "b is down",
        (false, true) => "a is down",
    };
    link.lab.as_ref().map_or_else(|| state.to_owned(), |lab| format!("{state}, of lab {lab}"))
}

fn joined(link: &Link) -> String {
    format!("{}  {} -- {}  {}", link.name, end(&link.a), end(&link.b), state(link))
}

fn lone(lone: &LoneEnd) -> [String; 3] {
    [end(&lone.end), lone.kind.clone(), lone.reason.as_str().to_owned()]
}

fn namespace(netns: &Namespace, ends: &BTreeMap<&NsName, usize>) -> [String; 6] {
    let links = ends.get(&netns.name).copied().unwrap_or_default();
    [
        netns.name.to_string(),
        netns.runtime.to_string(),
        links.to_string(),
        netns.processes.to_string(),
        members(netns),
        remark(netns),
    ]
}

fn members(netns: &Namespace) -> String {
    let names: Vec<&str> = netns.members.iter().map(|member| member.name.as_str()).collect();
    names.join(", ")
}

fn remark(netns: &Namespace) -> String {
    let image = netns.container.as_ref().and_then(|container| container.image.clone());
    let owner = netns.owner_uid.map(|uid| format!("in a user namespace of user {uid}"));
    let parts: Vec<String> = [image, owner, netns.remark.clone()].into_iter().flatten().collect();
    parts.join("; ")
}

fn described(netns: &Namespace) -> String {
    let members = members(netns);
    let of = if members.is_empty() { String::new() } else { format!(": {members}") };
    format!("{}  {}{of}", netns.name, netns.runtime)
}

fn notes(survey: &Survey, hidden: usize) -> Vec<String> {
    let mut notes = survey.remarks.clone();
    let skipped = survey.skipped.iter();
    notes.extend(
        skipped.map(|(reason, count)| format!("{} {}", counted(*count, "endpoint"), reason.as_str())),
    );
    if hidden > 0 {
        notes.push(format!("{} without links; --all lists them", counted(hidden, "namespace")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use netmon_model::{fixtures, survey::Runtime};

    use super::*;
    use crate::render::style::visible;

    #[test]
    fn links_come_first_then_ends_without_a_peer_then_namespaces() {
        assert_snapshot!(visible(&listing(&fixtures::survey(), false)));
    }

    #[test]
    fn a_namespace_without_links_is_counted_or_listed() {
        let mut survey = fixtures::survey();
        survey.links.clear();
        survey.lone_ends.clear();
        survey.skipped.clear();
        let text = listing(&survey, false);
        assert!(text.contains("2 namespaces without links; --all lists them"), "{text}");
        assert!(!text.contains("shop.web"), "{text}");
        assert!(listing(&survey, true).contains("shop.web"));
    }

    #[test]
    fn each_change_is_a_line() {
        let survey = fixtures::survey();
        let (netns, link) = (survey.namespaces[2].clone(), survey.links[0].clone());
        let changes = [
            Change::NamespaceFound { namespace: netns.clone() },
            Change::NamespaceChanged { was: "web".parse().unwrap(), namespace: netns.clone() },
            Change::NamespaceChanged {
                was: netns.name.clone(),
                namespace: Namespace { runtime: Runtime::Podman, ..netns.clone() },
            },
            Change::NamespaceGone { name: netns.name, cookie: netns.cookie },
            Change::LinkJoined { link: link.clone() },
            Change::LinkChanged { was: "web:eth0".parse().unwrap(), link: link.clone() },
            Change::LinkGone { name: link.name },
            Change::Resynced { were_lost: true },
        ];
        assert_snapshot!(changes.iter().map(change).collect::<Vec<_>>().join("\n"));
    }
}
