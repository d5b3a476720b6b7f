//! Surveys of known readings.

use netmon_model::names::Cookie;

use super::*;
use crate::discover::naming::Evidence;

fn interface(ifindex: u32, name: &str, peer: Option<(i32, u32)>) -> ObservedInterface {
    ObservedInterface {
        ifindex: IfIndex(ifindex),
        name: name.to_owned(),
        kind: Some(if peer.is_some() { "veth" } else { "bridge" }.to_owned()),
        link: peer.map(|(_, ifindex)| IfIndex(ifindex)),
        link_nsid: peer.map(|(nsid, _)| Nsid(nsid)),
        is_up: true,
        ..ObservedInterface::default()
    }
}

fn port(bridge: u32, interface: ObservedInterface) -> ObservedInterface {
    ObservedInterface { controller: Some(IfIndex(bridge)), ..interface }
}

fn keeper(evidence: Evidence) -> Keeper {
    Keeper { evidence, processes: 1, ..Keeper::default() }
}

fn named(name: &str, cookie: u64) -> Keeper {
    let evidence =
        Evidence { names: vec![name.to_owned()], cookie: Some(Cookie(cookie)), ..Evidence::default() };
    keeper(evidence)
}

/// Root with a bridge, joined to `blue` and `red`, which are joined to each other.
fn readings() -> (Table, Census) {
    let listing = |interfaces: Vec<ObservedInterface>| Listing::Interfaces(interfaces);
    let table = Table::from([
        (
            Nsid(0),
            listing(vec![
                interface(1, "br0", None),
                port(1, interface(2, "vethb", Some((1, 2)))),
                interface(3, "vethr", Some((2, 2))),
            ]),
        ),
        (Nsid(1), listing(vec![interface(2, "eth0", Some((0, 2))), interface(9, "x", Some((2, 9)))])),
        (Nsid(2), listing(vec![interface(2, "eth0", Some((0, 3))), interface(9, "x", Some((1, 9)))])),
    ]);
    let root = Evidence { is_root: true, cookie: Some(Cookie(3)), ..Evidence::default() };
    let keepers = [(Nsid(0), keeper(root)), (Nsid(1), named("blue", 10)), (Nsid(2), named("red", 20))].into();
    (table, Census { keepers, unreadable: 0 })
}

fn survey(table: &Table, census: &Census, selection: &Selection) -> Survey {
    assemble(Readings { table, census, catalog: &Catalog::default() }, selection)
}

fn names(survey: &Survey) -> Vec<&str> {
    survey.links.iter().map(|link| link.name.as_str()).collect()
}

#[test]
fn links_are_called_after_the_end_that_is_not_in_root() {
    let (table, census) = readings();
    let survey = survey(&table, &census, &Selection::default());
    assert_eq!(names(&survey), ["blue:eth0", "blue:x--red:x", "red:eth0"]);
    let link = &survey.links[0];
    assert_eq!((link.a.netns.as_str(), link.a.bridge.as_deref()), ("root", Some("br0")));
    assert_eq!((link.b.cookie, link.b.bridge.as_deref()), (Some(Cookie(10)), None));
    let order: Vec<_> = survey.namespaces.iter().map(|netns| netns.name.as_str()).collect();
    assert_eq!(order, ["root", "blue", "red"]);
}

#[test]
fn what_is_left_out_is_counted_by_reason() {
    let (table, census) = readings();
    let selection = Selection { exclude: vec!["red".parse().unwrap()], ..Selection::default() };
    let chosen = survey(&table, &census, &selection);
    assert_eq!(names(&chosen), ["blue:eth0"]);
    assert_eq!(chosen.skipped, BTreeMap::from([(SkipReason::Selection, 4)]));
    let of_red = chosen.left_out.iter().filter(|one| one.netns.as_str() == "red");
    assert_eq!((chosen.left_out.len(), of_red.count()), (4, 2), "both ends of both links");
    assert!(chosen.namespaces.iter().all(|netns| netns.name.as_str() != "red"));
    let limited = survey(&table, &census, &Selection { limit: 4, ..Selection::default() });
    assert_eq!(names(&limited), ["blue:eth0", "blue:x--red:x"]);
    assert_eq!(limited.skipped, BTreeMap::from([(SkipReason::Limit, 2)]));
}

#[test]
fn a_namespace_that_cannot_be_listed_says_why_and_keeps_its_place() {
    let (mut table, census) = readings();
    table.insert(Nsid(2), Listing::Unreadable("denied".to_owned()));
    let survey = survey(&table, &census, &Selection::default());
    let red = survey.namespaces.iter().find(|netns| netns.name.as_str() == "red").unwrap();
    assert_eq!((red.interfaces, red.remark.as_deref()), (None, Some("denied")));
    assert_eq!(names(&survey), ["blue:eth0"]);
    let lone: Vec<_> =
        survey.lone_ends.iter().map(|lone| (lone.end.interface.as_str(), lone.reason)).collect();
    assert_eq!(lone, [("x", LoneReason::PeerOutOfReach), ("vethr", LoneReason::PeerOutOfReach)]);
}

#[test]
fn a_link_of_a_lab_names_the_lab() {
    let (mut table, census) = readings();
    let mark = |interface: &mut ObservedInterface| interface.alias = Some("netmon:office".to_owned());
    if let Some(Listing::Interfaces(interfaces)) = table.get_mut(&Nsid(1)) {
        interfaces.iter_mut().for_each(mark);
    }
    let survey = survey(&table, &census, &Selection::default());
    assert_eq!(survey.links[0].lab.as_ref().unwrap().as_str(), "office");
    assert_eq!(survey.links[2].lab, None);
}
