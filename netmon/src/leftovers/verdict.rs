//! Whether a lab that nobody holds stands or is left over: pure, from what was found and what was written down.

use std::collections::{BTreeMap, BTreeSet};

use netmon_kernel::netns::Cookie;
use netmon_model::names::{IfName, NsName, Place};

use super::Condition;
use crate::ownership::state::State;

/// What of a lab was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Its namespaces; without an identity, a name that is left half made.
    pub(super) namespaces: BTreeMap<NsName, Option<Cookie>>,
    /// Its interfaces, wherever they are.
    pub(super) interfaces: BTreeSet<Place>,
}

/// What to make of a lab that nobody holds.
pub(super) fn of(state: Option<&State>, temporary: bool, seen: &Seen) -> Condition {
    match why_dead(state, temporary, seen) {
        Some(why) => Condition::Dead { why },
        None => Condition::Standing,
    }
}

fn why_dead(state: Option<&State>, temporary: bool, seen: &Seen) -> Option<String> {
    let Some(state) = state else {
        return Some("no valid state of it since this machine started".to_owned());
    };
    if !state.complete {
        return Some("whoever built it was ended before it was whole".to_owned());
    }
    if temporary {
        let agent = state.agent.as_ref();
        let who = agent
            .map_or_else(|| "its agent".to_owned(), |agent| format!("its agent, process {},", agent.pid));
        return Some(format!("{who} ended without taking it down"));
    }
    missing(state, seen).map(|part| format!("not whole any more: {part} is gone"))
}

/// A part of the lab that is not there any more. An end in root is not asked for: it went with its peer, and
/// this process may be in another namespace than the one that was root then.
fn missing(state: &State, seen: &Seen) -> Option<String> {
    let namespace = state.namespaces.iter().find(|recorded| {
        let there = seen.namespaces.get(&recorded.name);
        // Another one under the same name is not the lab's.
        there.is_none_or(|cookie| recorded.cookie.is_some() && *cookie != recorded.cookie)
    });
    if let Some(namespace) = namespace {
        return Some(format!("namespace {}", namespace.name));
    }
    let end = state.interfaces().filter(|end| !end.namespace.is_root()).find(|end| {
        let place = Place { namespace: end.namespace.clone(), interface: IfName::clone(&end.interface) };
        !seen.interfaces.contains(&place)
    });
    end.map(|end| format!("{} in {}", end.interface, end.namespace))
}

#[cfg(test)]
mod tests {
    use netmon_labfile;
    use netmon_model::{mac::Mac, names::LinkName};

    use super::*;
    use crate::ownership::{
        claim::Holder,
        state::{RecordedInterface, RecordedLink, RecordedNamespace},
    };

    fn place(namespace: &str, interface: &str) -> Place {
        Place { namespace: namespace.parse().unwrap(), interface: interface.parse().unwrap() }
    }

    fn recorded(namespace: &str, interface: &str) -> RecordedInterface {
        let Place { namespace, interface } = place(namespace, interface);
        RecordedInterface { namespace, interface, mac: Mac([2, 0, 0, 0, 0, 1]), ifindex: None }
    }

    fn whole() -> (State, Seen) {
        let mut state = State::new(&netmon_labfile::open(None).unwrap()).unwrap();
        state.complete = true;
        let name: NsName = "direct_netns".parse().unwrap();
        state.namespaces = vec![RecordedNamespace { name: name.clone(), cookie: Some(Cookie(7)) }];
        let (a, b) = (recorded("root", "veth0"), recorded("direct_netns", "veth1"));
        let link = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
        state.links = vec![RecordedLink { name: link, a, b }];
        let seen = Seen {
            namespaces: [(name, Some(Cookie(7)))].into(),
            interfaces: [place("direct_netns", "veth1")].into(),
        };
        (state, seen)
    }

    fn why(state: Option<&State>, temporary: bool, seen: &Seen) -> String {
        match of(state, temporary, seen) {
            Condition::Dead { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lab_that_was_made_to_stay_and_is_whole_stands_also_seen_from_another_namespace() {
        let (state, seen) = whole();
        assert_eq!(of(Some(&state), false, &seen), Condition::Standing);
    }

    #[test]
    fn a_lab_without_state_half_made_or_of_a_dead_agent_is_left_over() {
        let (mut state, seen) = whole();
        assert!(why(None, false, &seen).contains("no valid state"));
        state.agent = Some(Holder { pid: 4711, http: None });
        assert!(why(Some(&state), true, &seen).contains("4711"));
        state.complete = false;
        assert!(why(Some(&state), false, &seen).contains("before it was whole"));
    }

    #[test]
    fn a_lab_that_lost_a_part_is_left_over_and_the_part_is_named() {
        let (state, mut seen) = whole();
        seen.interfaces.clear();
        assert!(why(Some(&state), false, &seen).contains("veth1 in direct_netns is gone"));
        seen.namespaces.insert("direct_netns".parse().unwrap(), Some(Cookie(8)));
        assert!(why(Some(&state), false, &seen).contains("namespace direct_netns is gone"));
    }
}
