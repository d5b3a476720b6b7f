//! Decides whether a lab without a holder is complete or dead, from what was found and what was recorded. Pure.

use std::collections::{BTreeMap, BTreeSet};

use netmon_kernel::netns::Cookie;
use netmon_model::names::{NsName, Place};

use super::Condition;
use crate::ownership::state::State;

/// What was found of a lab.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Its namespaces. `None` instead of a cookie: a name without a namespace.
    pub(super) namespaces: BTreeMap<NsName, Option<Cookie>>,
    /// Its interfaces, wherever they are.
    pub(super) interfaces: BTreeSet<Place>,
}

/// Returns the condition of a lab without a holder.
pub(super) fn condition(state: Option<&State>, temporary: bool, seen: &Evidence) -> Condition {
    match reason_of_death(state, temporary, seen) {
        Some(reason) => Condition::Dead { reason },
        None => Condition::Standing,
    }
}

fn reason_of_death(state: Option<&State>, temporary: bool, seen: &Evidence) -> Option<String> {
    let Some(state) = state else {
        return Some("no valid state was recorded since the last boot".to_owned());
    };
    if !state.complete {
        return Some("the process that built it ended before it was complete".to_owned());
    }
    if temporary {
        let agent = state.agent.as_ref();
        let who = agent
            .map_or_else(|| "its agent".to_owned(), |agent| format!("its agent, process {},", agent.pid));
        return Some(format!("{who} ended without removing it"));
    }
    let missing = missing(state, seen);
    match &missing[..] {
        [] => None,
        [part] => Some(format!("incomplete: {part} is missing")),
        parts => Some(format!("incomplete: {} are missing", parts.join(" and "))),
    }
}

/// Returns the namespaces that no longer exist; if all exist, an interface that no longer does.
///
/// Ends in root are not checked: each exists exactly as long as its peer, and `root` may be another namespace for this
/// process.
fn missing(state: &State, seen: &Evidence) -> Vec<String> {
    let namespaces = state.namespaces.iter().filter(|recorded| {
        let there = seen.namespaces.get(&recorded.name);
        // Another namespace under the same name is not the lab's.
        there.is_none_or(|cookie| recorded.cookie.is_some() && *cookie != recorded.cookie)
    });
    let namespaces: Vec<String> = namespaces.map(|missing| format!("namespace {}", missing.name)).collect();
    if !namespaces.is_empty() {
        return namespaces;
    }
    let end = state.interfaces().filter(|end| !end.namespace.is_root()).find(|end| {
        let place = Place { namespace: end.namespace.clone(), interface: end.interface.clone() };
        !seen.interfaces.contains(&place)
    });
    end.map(|end| format!("{} in {}", end.interface, end.namespace)).into_iter().collect()
}

#[cfg(test)]
mod tests {
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

    fn complete() -> (State, Evidence) {
        let mut state = State::new(&netmon_labfile::open(None).unwrap()).unwrap();
        state.complete = true;
        let name: NsName = "direct_netns".parse().unwrap();
        state.namespaces = vec![RecordedNamespace { name: name.clone(), cookie: Some(Cookie(7)) }];
        let (a, b) = (recorded("root", "veth0"), recorded("direct_netns", "veth1"));
        let link = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
        state.links = vec![RecordedLink { name: link, a, b, in_container: false }];
        let seen = Evidence {
            namespaces: [(name, Some(Cookie(7)))].into(),
            interfaces: [place("direct_netns", "veth1")].into(),
        };
        (state, seen)
    }

    fn reason(state: Option<&State>, temporary: bool, seen: &Evidence) -> String {
        match condition(state, temporary, seen) {
            Condition::Dead { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_complete_lab_that_was_built_to_stay_stands_also_seen_from_another_namespace() {
        let (state, seen) = complete();
        assert_eq!(condition(Some(&state), false, &seen), Condition::Standing);
    }

    #[test]
    fn a_lab_without_state_incomplete_or_of_a_dead_agent_is_dead() {
        let (mut state, seen) = complete();
        assert!(reason(None, false, &seen).contains("no valid state"));
        state.agent = Some(Holder { pid: 4711, http: None });
        assert!(reason(Some(&state), true, &seen).contains("4711"));
        state.complete = false;
        assert!(reason(Some(&state), false, &seen).contains("before it was complete"));
    }

    #[test]
    fn a_lab_that_lost_a_part_is_dead_and_the_part_is_named() {
        let (state, mut seen) = complete();
        seen.interfaces.clear();
        assert!(reason(Some(&state), false, &seen).contains("veth1 in direct_netns is missing"));
        seen.namespaces.insert("direct_netns".parse().unwrap(), Some(Cookie(8)));
        assert!(reason(Some(&state), false, &seen).contains("namespace direct_netns is missing"));
        let second = RecordedNamespace { name: "second".parse().unwrap(), cookie: Some(Cookie(9)) };
        let mut both = state;
        both.namespaces.push(second);
        let said = reason(Some(&both), false, &seen);
        assert!(said.contains("namespace direct_netns and namespace second are missing"), "{said}");
    }
}
