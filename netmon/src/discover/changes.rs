//! What changed from one survey to the next. Pure.
//!
//! A namespace is the same if its cookie is, whatever its name. A link is the same if one of its ends is: the other may have
//! moved to another namespace.

use std::collections::{BTreeMap, BTreeSet};

use netmon_model::{
    names::{Cookie, IfIndex, NsName},
    survey::{Change, End, Link, Namespace, Survey},
};

/// Identifies a namespace. One that cannot be opened has no cookie, and is known by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NetnsKey {
    Cookie(Cookie),
    Name(NsName),
}

type EndKey = (NetnsKey, IfIndex);

/// Returns the changes in an order in which a name is free before it is given again: what is gone, then what has another
/// name, then what is new; namespaces before links.
pub(super) fn between(old: &Survey, new: &Survey) -> Vec<Change> {
    let mut changes = gone_links(old, new);
    changes.extend(namespaces(old, new));
    changes.extend(links(old, new));
    changes
}

fn key(netns: &Namespace) -> NetnsKey {
    netns.cookie.map_or_else(|| NetnsKey::Name(netns.name.clone()), NetnsKey::Cookie)
}

fn end_key(end: &End) -> EndKey {
    (end.cookie.map_or_else(|| NetnsKey::Name(end.netns.clone()), NetnsKey::Cookie), end.ifindex)
}

fn gone_links(old: &Survey, new: &Survey) -> Vec<Change> {
    let ends: BTreeSet<EndKey> = new.links.iter().flat_map(Link::ends).map(end_key).collect();
    let gone = old.links.iter().filter(|link| !link.ends().any(|end| ends.contains(&end_key(end))));
    gone.map(|link| Change::LinkGone { name: link.name.clone() }).collect()
}

fn links(old: &Survey, new: &Survey) -> Vec<Change> {
    let before: BTreeMap<EndKey, &Link> =
        old.links.iter().flat_map(|link| link.ends().map(move |end| (end_key(end), link))).collect();
    let change = |link: &Link| match link.ends().find_map(|end| before.get(&end_key(end))) {
        None => Some(Change::LinkJoined { link: link.clone() }),
        Some(was) if *was == link => None,
        Some(was) => Some(Change::LinkChanged { was: was.name.clone(), link: link.clone() }),
    };
    let mut changes: Vec<Change> = new.links.iter().filter_map(change).collect();
    changes.sort_by_key(|change| matches!(change, Change::LinkJoined { .. }));
    changes
}

fn namespaces(old: &Survey, new: &Survey) -> Vec<Change> {
    let before: BTreeMap<NetnsKey, &Namespace> =
        old.namespaces.iter().map(|netns| (key(netns), netns)).collect();
    let now: BTreeSet<NetnsKey> = new.namespaces.iter().map(key).collect();
    let gone = before.iter().filter(|(key, _)| !now.contains(key));
    let gone =
        gone.map(|(_, netns)| Change::NamespaceGone { name: netns.name.clone(), cookie: netns.cookie });
    let change = |netns: &Namespace| match before.get(&key(netns)) {
        None => Some(Change::NamespaceFound { namespace: netns.clone() }),
        Some(was) if is_same(was, netns) => None,
        Some(was) => Some(Change::NamespaceChanged { was: was.name.clone(), namespace: netns.clone() }),
    };
    let mut changes: Vec<Change> = gone.chain(new.namespaces.iter().filter_map(change)).collect();
    changes.sort_by_key(|change| matches!(change, Change::NamespaceFound { .. }));
    changes
}

/// Returns whether nothing changed but the number of processes and interfaces, which change all the time.
fn is_same(was: &Namespace, now: &Namespace) -> bool {
    let counts = Namespace { processes: now.processes, interfaces: now.interfaces, ..was.clone() };
    counts == *now
}

#[cfg(test)]
mod tests {
    use netmon_model::fixtures;

    use super::*;

    /// The survey of the fixture with cookies at every end.
    fn survey() -> Survey {
        let mut survey = fixtures::survey();
        let cookies: BTreeMap<NsName, Option<Cookie>> =
            survey.namespaces.iter().map(|netns| (netns.name.clone(), netns.cookie)).collect();
        for (index, link) in survey.links.iter_mut().enumerate() {
            for end in [&mut link.a, &mut link.b] {
                end.cookie = cookies[&end.netns];
                end.ifindex = IfIndex(u32::try_from(index).unwrap() + 2);
            }
        }
        survey
    }

    #[test]
    fn the_same_survey_twice_has_no_changes() {
        let mut later = survey();
        later.namespaces[0].processes += 3;
        assert_eq!(between(&survey(), &later), []);
    }

    #[test]
    fn a_namespace_and_its_link_come_and_go_in_order() {
        let (mut without, with) = (survey(), survey());
        let (netns, link) = (without.namespaces.pop().unwrap(), without.links.remove(0));
        let (name, cookie) = (netns.name.clone(), netns.cookie);
        let found = Change::NamespaceFound { namespace: netns };
        assert_eq!(between(&without, &with), [found, Change::LinkJoined { link: link.clone() }]);
        let gone = Change::NamespaceGone { name, cookie };
        assert_eq!(between(&with, &without), [Change::LinkGone { name: link.name }, gone]);
    }

    #[test]
    fn a_renamed_namespace_stays_the_same_and_so_does_its_link() {
        let (before, mut after) = (survey(), survey());
        let name: NsName = "front".parse().unwrap();
        after.namespaces[2].name = name.clone();
        after.links[0].b.netns = name;
        after.links[0].name = "front:eth0".parse().unwrap();
        let renamed = Change::NamespaceChanged {
            was: before.namespaces[2].name.clone(),
            namespace: after.namespaces[2].clone(),
        };
        let relabelled =
            Change::LinkChanged { was: before.links[0].name.clone(), link: after.links[0].clone() };
        assert_eq!(between(&before, &after), [renamed, relabelled]);
    }

    #[test]
    fn a_link_whose_end_moved_is_the_same_link() {
        let (before, mut after) = (survey(), survey());
        after.links[0].b.cookie = Some(Cookie(4100));
        after.links[0].b.ifindex = IfIndex(70);
        let moved = Change::LinkChanged { was: before.links[0].name.clone(), link: after.links[0].clone() };
        assert_eq!(between(&before, &after), [moved]);
    }

    #[test]
    fn a_name_is_free_before_it_is_given_again() {
        let (before, mut after) = (survey(), survey());
        let mut new = after.links[1].clone();
        after.links[1].name = "red:veth1".parse().unwrap();
        (new.a.ifindex, new.b.ifindex) = (IfIndex(80), IfIndex(80));
        after.links.insert(0, new);
        let changes = between(&before, &after);
        assert!(matches!(changes[0], Change::LinkChanged { .. }), "{changes:?}");
        assert!(matches!(changes[1], Change::LinkJoined { .. }), "{changes:?}");
    }

    #[test]
    fn another_namespace_under_the_same_name_is_another_namespace() {
        let (before, mut after) = (survey(), survey());
        after.namespaces[1].cookie = Some(Cookie(9999));
        let changes = between(&before, &after);
        assert!(
            matches!(changes[0], Change::NamespaceGone { cookie: Some(Cookie(4100)), .. }),
            "{changes:?}"
        );
        assert!(matches!(changes[1], Change::NamespaceFound { .. }), "{changes:?}");
    }
}
