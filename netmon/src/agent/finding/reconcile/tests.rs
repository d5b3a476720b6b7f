//! Which links an update has, by what was there before.

use netmon_model::{
    names::{Cookie, IfIndex},
    snapshot::Device,
};

use super::*;
use crate::watch::inventory::{Label, Origin};

fn end(netns: u64, ifindex: u32, namespace: &str, interface: &str) -> FoundEnd {
    let at = InterfaceId { netns: Cookie(netns), ifindex: IfIndex(ifindex) };
    let (namespace, interface) = (namespace.parse().unwrap(), interface.parse().unwrap());
    let label = Label { namespace, interface, addresses: Vec::new(), origin: Origin::Found };
    FoundEnd { at, label, is_up: true, device: Device::default() }
}

/// A link between `root` and a namespace with this name and cookie. Its ifindex in `root` is the cookie.
fn link(name: &str, netns: u64) -> FoundLink {
    let a = end(1, u32::try_from(netns).unwrap(), "root", &format!("to-{name}"));
    let b = Some(end(netns, 2, name, "eth0"));
    FoundLink { name: format!("{name}:eth0").parse().unwrap(), rank: 0, a, b }
}

fn all(link: &FoundLink) -> Vec<InterfaceId> {
    ids(link).collect()
}

/// What is measured after one update with these links.
fn measured(links: &[FoundLink], now: Instant) -> Measured {
    let mut measured = Measured::default();
    let update = measured.update(links.to_vec(), now);
    assert_eq!(update, FoundUpdate { links: links.to_vec(), ..FoundUpdate::default() });
    measured
}

#[test]
fn the_same_links_again_change_nothing() {
    let (now, links) = (Instant::now(), [link("blue", 10), link("red", 11)]);
    assert!(measured(&links, now).update(links.to_vec(), now).is_empty());
}

#[test]
fn a_link_that_is_gone_is_forgotten_after_a_scrapes_time() {
    let (now, blue) = (Instant::now(), link("blue", 10));
    let mut measured = measured(std::slice::from_ref(&blue), now);
    let gone = FoundUpdate { gone: all(&blue), ..FoundUpdate::default() };
    assert_eq!(measured.update(Vec::new(), now), gone);
    assert!(!measured.is_due(now + LINGER / 2));
    assert!(measured.update(Vec::new(), now + LINGER / 2).is_empty());
    assert!(measured.is_due(now + LINGER));
    let forgotten = FoundUpdate { forgotten: all(&blue), ..FoundUpdate::default() };
    assert_eq!(measured.update(Vec::new(), now + LINGER), forgotten);
    assert!(!measured.is_due(now + 2 * LINGER));
}

#[test]
fn the_same_name_again_forgets_the_old_link_at_once() {
    let (now, old, new) = (Instant::now(), link("blue", 10), link("blue", 20));
    let mut measured = measured(std::slice::from_ref(&old), now);
    measured.update(Vec::new(), now);
    let update = measured.update(vec![new.clone()], now);
    assert_eq!(update, FoundUpdate { forgotten: all(&old), links: vec![new], ..FoundUpdate::default() });
}

#[test]
fn a_link_that_is_replaced_between_two_readings_does_not_linger() {
    let (now, old, new) = (Instant::now(), link("blue", 10), link("blue", 20));
    let update = measured(std::slice::from_ref(&old), now).update(vec![new.clone()], now);
    assert_eq!(update, FoundUpdate { forgotten: all(&old), links: vec![new], ..FoundUpdate::default() });
}

#[test]
fn an_end_under_the_label_of_one_that_is_gone_forgets_that_link() {
    let (now, old) = (Instant::now(), link("blue", 10));
    let mut new = link("red", 20);
    new.a.label = old.a.label.clone();
    let mut measured = measured(std::slice::from_ref(&old), now);
    measured.update(Vec::new(), now);
    assert_eq!(measured.update(vec![new], now).forgotten, all(&old));
}

#[test]
fn a_renamed_link_keeps_its_ends() {
    let (now, old) = (Instant::now(), link("blue", 10));
    let new = FoundLink { name: "front:eth0".parse().unwrap(), ..old.clone() };
    let update = measured(std::slice::from_ref(&old), now).update(vec![new.clone()], now);
    let expected = FoundUpdate { parted: vec![old.name], links: vec![new], ..FoundUpdate::default() };
    assert_eq!(update, expected);
}

#[test]
fn two_links_that_swap_their_names_keep_their_ends() {
    let (now, blue, red) = (Instant::now(), link("blue", 10), link("red", 11));
    let swapped = [
        FoundLink { name: blue.name.clone(), ..red.clone() },
        FoundLink { name: red.name.clone(), ..blue.clone() },
    ];
    let update = measured(&[blue.clone(), red.clone()], now).update(swapped.to_vec(), now);
    let expected =
        FoundUpdate { parted: vec![blue.name, red.name], links: swapped.to_vec(), ..FoundUpdate::default() };
    assert_eq!(update, expected);
}

#[test]
fn an_end_that_moved_is_forgotten_and_the_other_stays() {
    let (now, old) = (Instant::now(), link("blue", 10));
    let new =
        FoundLink { b: Some(end(30, 5, "red", "eth0")), name: "red:eth0".parse().unwrap(), ..old.clone() };
    let update = measured(std::slice::from_ref(&old), now).update(vec![new.clone()], now);
    let expected = FoundUpdate {
        forgotten: vec![old.b.unwrap().at],
        parted: vec![old.name],
        links: vec![new],
        ..FoundUpdate::default()
    };
    assert_eq!(update, expected);
}

#[test]
fn an_update_that_failed_is_tried_again() {
    let (now, blue) = (Instant::now(), link("blue", 10));
    let mut measured = Measured::default();
    let failed = measured.update(vec![blue.clone()], now);
    measured.retry(failed);
    assert_eq!(measured.update(vec![blue.clone()], now).links, [blue]);
}
