//! What found links and their ends are called in series. Pure.
//!
//! The end in `root` has the name of its device if a person chose that, and otherwise the name of the far end: the names that
//! container runtimes choose are random, and another one after each start.

use std::collections::BTreeSet;

use netmon_model::{
    names::{EndName, LabName, LinkName},
    snapshot::Device,
    survey::{End, Link, LoneEnd, LoneReason, PairKind, Survey},
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
    let pairs = survey.links.iter().filter(|link| !is_left(link)).filter_map(found);
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
fn found(link: &Link) -> Option<FoundLink> {
    let a = found_end(&link.a, &link.b, link.kind);
    let b = found_end(&link.b, &link.a, link.kind);
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

fn found_end(end: &End, peer: &End, kind: PairKind) -> Option<FoundEnd> {
    with_label(end, end_name(end, peer, kind)?, kind.as_str())
}

fn with_label(end: &End, interface: EndName, kind: &str) -> Option<FoundEnd> {
    let label =
        Label { namespace: end.netns.clone(), interface, addresses: Vec::new(), origin: Origin::Found };
    let (name, kind) = (end.interface.clone(), kind.to_owned());
    let device = Device { name, kind, mac: end.mac, bridge: end.bridge.clone() };
    Some(FoundEnd { at: end.id()?, label, is_up: end.is_up, device })
}

/// Returns `None` if the name cannot be a label, which the kernel prevents.
fn end_name(end: &End, peer: &End, kind: PairKind) -> Option<EndName> {
    let is_described =
        end.netns.is_root() && !peer.netns.is_root() && (kind != PairKind::Veth || is_random(&end.interface));
    let described = || format!("{}:{}", peer.netns, peer.interface).parse().ok();
    is_described.then(described).flatten().or_else(|| end.interface.parse().ok())
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
