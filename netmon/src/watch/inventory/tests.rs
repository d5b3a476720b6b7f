//! The inventory depends on the facts alone: any order of changes gives the same result as a fresh start.

use std::collections::{BTreeMap, BTreeSet};

use netmon_model::{
    by::Ends,
    names::{Cookie, EndpointId, IfIndex, InterfaceId, LinkName},
};
use proptest::prelude::*;

use super::{Change, Inventory, Label, Origin};

fn interface(number: u32) -> InterfaceId {
    InterfaceId { netns: Cookie(u64::from(number / 3)), ifindex: IfIndex(number % 3 + 2) }
}

fn label(name: u32) -> Label {
    Label {
        namespace: "one".parse().unwrap(),
        interface: format!("veth{name}").parse().unwrap(),
        addresses: Vec::new(),
        origin: Origin::Found,
    }
}

fn link(number: u32) -> LinkName {
    format!("link{number}").parse().unwrap()
}

fn appeared(number: u32, name: u32) -> Change {
    Change::Appeared { at: interface(number), label: label(name), slot: None }
}

fn joined(number: u32, rank: u32, a: u32, b: Option<u32>) -> Change {
    let ends = Ends { a: Some(interface(a)), b: b.map(interface) };
    Change::Joined { link: link(number), rank, ends }
}

/// Endpoints, and links with their ends.
type View = (Vec<(InterfaceId, Label)>, Vec<(LinkName, Vec<InterfaceId>)>);

/// The contents, by names and interfaces. Slots are left out, since they depend on the order.
fn view(inventory: &Inventory) -> View {
    let mut endpoints: Vec<_> = inventory.endpoints().map(|one| (one.at, one.label.clone())).collect();
    endpoints.sort_by_key(|(at, _)| *at);
    let links = inventory.links().map(|link| (link.name.clone(), link.ends().map(|end| end.at).collect()));
    (endpoints, links.collect())
}

fn applied(changes: impl IntoIterator<Item = Change>) -> Inventory {
    let mut inventory = Inventory::default();
    for change in changes {
        inventory.apply(change);
    }
    inventory
}

/// The subject of a change. Changes of one subject keep their order; those of different subjects need not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Interface(InterfaceId),
    Link(LinkName),
}

fn subject(change: &Change) -> Subject {
    match change {
        Change::Appeared { at, .. } | Change::Relabelled { at, .. } | Change::Vanished(at) => {
            Subject::Interface(*at)
        }
        Change::Joined { link, .. } | Change::Parted(link) => Subject::Link(link.clone()),
    }
}

/// The fewest changes with the same result.
fn fresh_start(changes: &[Change]) -> Vec<Change> {
    let (mut interfaces, mut links) = (BTreeMap::new(), BTreeMap::new());
    for change in changes {
        match change.clone() {
            Change::Appeared { at, label, .. } => drop(interfaces.insert(at, label)),
            Change::Relabelled { at, label } => {
                interfaces.entry(at).and_modify(|known| *known = label);
            }
            Change::Vanished(at) => drop(interfaces.remove(&at)),
            Change::Joined { link, rank, ends } => drop(links.insert(link, (rank, ends))),
            Change::Parted(link) => drop(links.remove(&link)),
        }
    }
    let interfaces = interfaces.into_iter().map(|(at, label)| Change::Appeared { at, label, slot: None });
    let links = links.into_iter().map(|(link, (rank, ends))| Change::Joined { link, rank, ends });
    interfaces.chain(links).collect()
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..9_u32;
    prop_oneof![
        4 => (at.clone(), 0..9_u32).prop_map(|(at, name)| appeared(at, name)),
        2 => (at.clone(), 0..9_u32)
            .prop_map(|(at, name)| Change::Relabelled { at: interface(at), label: label(name) }),
        2 => at.clone().prop_map(|at| Change::Vanished(interface(at))),
        4 => (0..4_u32, 0..3_u32, at.clone(), proptest::option::of(at))
            .prop_filter("two ends", |(_, _, a, b)| Some(*a) != *b)
            .prop_map(|(number, rank, a, b)| joined(number, rank, a, b)),
        1 => (0..4_u32).prop_map(|number| Change::Parted(link(number))),
    ]
}

proptest! {
    #[test]
    fn any_changes_come_to_what_a_fresh_start_gives(changes in proptest::collection::vec(change(), 0..40)) {
        prop_assert_eq!(view(&applied(changes.clone())), view(&applied(fresh_start(&changes))));
    }

    #[test]
    fn changes_of_different_subjects_may_come_in_any_order(
        changes in proptest::collection::vec(change(), 0..40),
        seed in any::<u64>(),
    ) {
        // A stable sort by a random key of the subject: another order, in which each subject's changes keep theirs.
        let key = |change: &Change| {
            let name = format!("{:?}{seed}", subject(change));
            name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
        };
        let mut other = changes.clone();
        other.sort_by_key(key);
        prop_assert_eq!(view(&applied(changes)), view(&applied(other)));
    }

    #[test]
    fn no_two_endpoints_share_a_slot_and_none_has_one_that_is_reserved(
        changes in proptest::collection::vec(change(), 0..40),
        reserved in proptest::collection::btree_set(0..12_u32, 0..6),
    ) {
        let mut inventory = Inventory::with_reserved(reserved.iter().copied().map(EndpointId));
        for change in changes {
            inventory.apply(change);
            let slots: Vec<u32> = inventory.endpoints().map(|endpoint| endpoint.id.0).collect();
            prop_assert_eq!(slots.iter().collect::<BTreeSet<_>>().len(), slots.len());
            prop_assert!(slots.iter().all(|slot| !reserved.contains(slot)));
            // Slots fill up from below, so that the maps need no more chunks than endpoints.
            prop_assert!(slots.iter().all(|slot| *slot < 9 + 12));
        }
    }
}

#[test]
fn a_link_has_one_end_while_the_other_is_not_there() {
    let mut inventory = applied([joined(0, 0, 1, Some(2)), appeared(2, 2)]);
    let link = inventory.links().next().unwrap();
    assert_eq!((link.a.at, link.b), (interface(2), None));
    inventory.apply(appeared(1, 1));
    let link = inventory.links().next().unwrap();
    assert_eq!((link.a.at, link.b.map(|b| b.at)), (interface(1), Some(interface(2))));
    assert_eq!(inventory.peer_of(interface(1)).unwrap().at, interface(2));
    inventory.apply(Change::Vanished(interface(2)));
    assert_eq!(inventory.links().next().unwrap().b, None);
    inventory.apply(Change::Vanished(interface(1)));
    assert_eq!(inventory.links().count(), 0);
}

#[test]
fn another_label_changes_neither_slot_nor_link() {
    let mut inventory = applied([appeared(1, 1), appeared(2, 2), joined(0, 0, 1, Some(2))]);
    let before = inventory.at(interface(1)).unwrap().id;
    assert_eq!(inventory.apply(Change::Relabelled { at: interface(1), label: label(7) }), None);
    let after = inventory.at(interface(1)).unwrap();
    assert_eq!((after.id, after.label.interface.as_str()), (before, "veth7"));
    assert_eq!(inventory.link_of(interface(1)), Some(&link(0)));
}

#[test]
fn links_are_in_the_order_of_their_ranks() {
    let ends = [appeared(1, 1), appeared(2, 2), appeared(3, 3)];
    let links = [joined(0, 2, 1, None), joined(1, 0, 2, None), joined(2, 1, 3, None)];
    let inventory = applied(ends.into_iter().chain(links));
    let names: Vec<_> = inventory.links().map(|link| link.name.as_str().to_owned()).collect();
    assert_eq!(names, ["link1", "link2", "link0"]);
}

#[test]
fn a_slot_that_an_earlier_agent_used_is_kept_and_given_out_when_it_is_free() {
    let mut inventory = Inventory::with_reserved([EndpointId(0), EndpointId(2)].into_iter());
    let slot = Some(EndpointId(2));
    inventory.apply(Change::Appeared { at: interface(1), label: label(1), slot });
    inventory.apply(appeared(2, 2));
    inventory.free([EndpointId(0)]);
    inventory.apply(appeared(3, 3));
    let id = |number| inventory.at(interface(number)).unwrap().id.0;
    assert_eq!([id(1), id(2), id(3)], [2, 1, 0]);
}
