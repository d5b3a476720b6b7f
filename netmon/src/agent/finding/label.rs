//! What found links and their ends are called in series. Pure.
//!
//! The end in `root` has the name of its device if a person chose that, and otherwise the name of the far end: the names that
//! container runtimes choose are random or counted, and another one after each start.

use std::collections::{BTreeMap, BTreeSet};

use netmon_model::{
    names::{EndName, LabName, LinkName, NsName},
    snapshot::Device,
    survey::{End, Link, LoneEnd, LoneReason, PairKind, Runtime, Survey},
};

use crate::watch::{
    FoundEnd, FoundLink,
    inventory::{Label, Origin},
};

/// Beginnings of names that Calico, Cilium and the CNI plugin of AWS give to the host's ends, before hexadecimal digits.
const OF_NETWORKS: [&str; 4] = ["veth", "cali", "lxc", "eni"];
/// The number of digits in a host end's name that is nothing but a hash.
const HASH_DIGITS: usize = 15;

/// All found links have one rank, so they are in the order of their names, behind those of a lab.
const RANK: u32 = u32::MAX;

/// Returns the links of a survey that can be measured, without those of the labs in `left`. `taken` are names of links that
/// are not found ones.
pub(super) fn links(
    survey: &Survey,
    left: &BTreeSet<&LabName>,
    taken: &BTreeSet<LinkName>,
) -> Vec<FoundLink> {
    let is_left = |link: &&Link| link.lab.as_ref().is_some_and(|lab| left.contains(lab));
    let runtimes: BTreeMap<&NsName, Runtime> =
        survey.namespaces.iter().map(|netns| (&netns.name, netns.runtime)).collect();
    let pairs = survey.links.iter().filter(|link| !is_left(link)).filter_map(|link| found(link, &runtimes));
    let asked = |lone: &&LoneEnd| lone.reason == LoneReason::Asked;
    let mut links: Vec<FoundLink> =
        pairs.chain(survey.lone_ends.iter().filter(asked).filter_map(alone)).collect();
    for link in &mut links {
        while taken.contains(&link.name) {
            let Ok(name) = format!("found.{}", link.name).parse() else { break };
            link.name = name;
        }
    }
    links
}

/// Returns `None` if the namespace of neither end could be opened.
fn found(link: &Link, runtimes: &BTreeMap<&NsName, Runtime>) -> Option<FoundLink> {
    let is_random = |end: &End, peer: &End| {
        let runtime = runtimes.get(&peer.netns).copied().unwrap_or(Runtime::Unknown);
        link.kind != PairKind::Veth || is_random(&end.interface) || is_runtimes(&end.interface, runtime)
    };
    let a = found_end(&link.a, &link.b, link.kind, is_random(&link.a, &link.b));
    let b = found_end(&link.b, &link.a, link.kind, is_random(&link.b, &link.a));
    let (a, b) = match a {
        Some(a) => (a, b),
        None => (b?, None),
    };
    Some(FoundLink { name: link.name.clone(), rank: RANK, a, b })
}

/// Makes a link of an end without a peer. Returns `None` if its namespace could not be opened.
fn alone(lone: &LoneEnd) -> Option<FoundLink> {
    let End { netns, interface, .. } = &lone.end;
    let name = format!("{netns}:{interface}").parse().ok()?;
    let a = with_label(&lone.end, interface.parse().ok()?, &lone.kind)?;
    Some(FoundLink { name, rank: RANK, a, b: None })
}

fn found_end(end: &End, peer: &End, kind: PairKind, is_random: bool) -> Option<FoundEnd> {
    with_label(end, end_name(end, peer, is_random)?, kind.as_str())
}

fn with_label(end: &End, interface: EndName, kind: &str) -> Option<FoundEnd> {
    let label =
        Label { namespace: end.netns.clone(), interface, addresses: Vec::new(), origin: Origin::Found };
    let (name, kind) = (end.interface.clone(), kind.to_owned());
    let device = Device { name, kind, mac: end.mac, bridge: end.bridge.clone() };
    Some(FoundEnd { at: end.id()?, label, is_up: end.is_up, device })
}

/// Returns `None` if the name cannot be a label, which the kernel prevents.
fn end_name(end: &End, peer: &End, is_random: bool) -> Option<EndName> {
    let is_described = end.netns.is_root() && !peer.netns.is_root() && is_random;
    let described = || format!("{}:{}", peer.netns, peer.interface).parse().ok();
    is_described.then(described).flatten().or_else(|| end.interface.parse().ok())
}

/// Returns whether the name of a device is one that a container runtime gives without being asked to: podman counts
/// (`veth0`), LXC draws letters (`vethGvMdmy`).
fn is_runtimes(name: &str, runtime: Runtime) -> bool {
    let names_devices = !matches!(
        runtime,
        Runtime::Host | Runtime::Netns | Runtime::Systemd | Runtime::Process | Runtime::Unknown
    );
    names_devices && name.starts_with("veth")
}

/// Returns whether a program made up the name of a device.
fn is_random(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let rest = OF_NETWORKS.iter().find_map(|prefix| name.strip_prefix(prefix));
    // `veth0` and `veth1` are what people write.
    rest.is_some_and(|rest| rest.len() > 3 && is_hex(rest)) || (name.len() == HASH_DIGITS && is_hex(name))
}

#[cfg(test)]
mod tests {
    use netmon_model::{
        fixtures,
        names::{Cookie, IfIndex},
    };

    use super::*;

    fn survey() -> Survey {
        let mut survey = fixtures::survey();
        for (index, link) in survey.links.iter_mut().enumerate() {
            let index = u32::try_from(index).unwrap();
            (link.a.cookie, link.a.ifindex) = (Some(Cookie(1)), IfIndex(10 + index));
            (link.b.cookie, link.b.ifindex) = (Some(Cookie(100 + u64::from(index))), IfIndex(2));
        }
        survey
    }

    #[test]
    fn names_that_runtimes_make_up_are_told_from_those_of_people() {
        for random in ["veth1a2b3c4", "vethb81d22f", "cali0123456789a", "lxc9f3b2c1d0e4f", "0123456789abcde"]
        {
            assert!(is_random(random), "{random}");
        }
        for chosen in ["veth0", "veth12", "to-blue", "eth0", "vethlab", "beef", "lxcbr0"] {
            assert!(!is_random(chosen), "{chosen}");
        }
    }

    #[test]
    fn a_hosts_end_with_a_random_name_is_called_after_the_far_end() {
        let mut survey = survey();
        survey.links.truncate(1);
        survey.links[0].a.interface = "veth1a2b3c4".to_owned();
        let far = format!("{}:{}", survey.links[0].b.netns, survey.links[0].b.interface);
        let found = links(&survey, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!(found[0].a.label.interface.as_str(), far);
        assert_eq!(found[0].b.as_ref().unwrap().label.interface.as_str(), survey.links[0].b.interface);
        survey.links[0].a.interface = "to-web".to_owned();
        assert_eq!(
            links(&survey, &BTreeSet::new(), &BTreeSet::new())[0].a.label.interface.as_str(),
            "to-web"
        );
    }

    #[test]
    fn a_name_that_podman_counts_or_lxc_draws_is_not_a_persons() {
        for (name, runtime, expected) in [
            ("veth0", Runtime::Podman, true),
            ("vethGvMdmy", Runtime::Lxc, true),
            ("to-deb", Runtime::Lxc, false),
            ("veth0", Runtime::Netns, false),
            ("veth0", Runtime::Process, false),
        ] {
            assert_eq!(is_runtimes(name, runtime), expected, "{name} {runtime}");
        }
        let mut survey = survey();
        survey.links.truncate(1);
        survey.links[0].a.interface = "veth0".to_owned();
        let far = survey.links[0].b.netns.clone();
        let called = |survey: &Survey| {
            links(survey, &BTreeSet::new(), &BTreeSet::new())[0].a.label.interface.to_string()
        };
        for netns in survey.namespaces.iter_mut().filter(|netns| netns.name == far) {
            netns.runtime = Runtime::Podman;
        }
        assert_eq!(called(&survey), format!("{far}:{}", survey.links[0].b.interface));
        survey.namespaces.clear();
        assert_eq!(called(&survey), "veth0");
    }

    #[test]
    fn links_of_labs_with_an_agent_are_left_out() {
        let mut survey = survey();
        let lab: LabName = "office".parse().unwrap();
        survey.links[0].lab = Some(lab.clone());
        let all = survey.links.len();
        assert_eq!(links(&survey, &BTreeSet::from([&lab]), &BTreeSet::new()).len(), all - 1);
        assert_eq!(links(&survey, &BTreeSet::new(), &BTreeSet::new()).len(), all);
    }

    #[test]
    fn a_link_with_one_end_out_of_reach_has_only_the_other() {
        let mut survey = survey();
        survey.links[0].a.cookie = None;
        let b = survey.links[0].b.id();
        let found = links(&survey, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!((Some(found[0].a.at), &found[0].b), (b, &None));
        survey.links[0].b.cookie = None;
        assert_eq!(links(&survey, &BTreeSet::new(), &BTreeSet::new()).len(), found.len() - 1);
    }

    #[test]
    fn a_found_link_never_has_the_name_of_a_labs_link() {
        let survey = survey();
        let taken = BTreeSet::from([survey.links[0].name.clone()]);
        let names: Vec<String> =
            links(&survey, &BTreeSet::new(), &taken).iter().map(|link| link.name.to_string()).collect();
        assert_eq!(names, ["found.shop.web:eth0", "blue:veth1"]);
    }

    #[test]
    fn an_end_without_a_peer_is_watched_alone_if_it_was_asked_for() {
        let mut survey = survey();
        survey.links.clear();
        assert_eq!(links(&survey, &BTreeSet::new(), &BTreeSet::new()), []);
        survey.lone_ends[0].reason = LoneReason::Asked;
        survey.lone_ends[0].end.cookie = Some(Cookie(9));
        let found = links(&survey, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!((found[0].name.as_str(), &found[0].b), ("blue:mac0", &None));
        assert_eq!(found[0].a.device.kind, "macvlan");
    }
}
