//! Names as labels: of characters that every reader accepts, and each given to one namespace only.
//!
//! Names have the rules of names in /run/netns, so they contain no `/`. A dot joins the parts of a name: `shop.web-1`, and
//! `docker.web` where another runtime has a `web`, too.

use std::collections::BTreeMap;

use netmon_model::{
    names::{MAX_NSNAME, NsName, ROOT},
    survey::Runtime,
};

/// A namespace that wants a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::discover) struct Candidate {
    /// The name that it would have if it were alone.
    pub(in crate::discover) name: String,
    /// What manages it.
    pub(in crate::discover) runtime: Runtime,
    /// What tells it from any other in the survey, such as its cookie, in a few characters.
    pub(in crate::discover) identity: String,
    /// Whether it is the namespace of the survey, whose name no other gets.
    pub(in crate::discover) is_root: bool,
}

/// Gives each candidate a name of its own, at the same index.
///
/// Of several that want one name, each gets its runtime in front. If that is not enough, each gets its identity behind. So
/// the names depend on who is there, and not on the order.
pub(in crate::discover) fn unique(candidates: &[Candidate]) -> Vec<NsName> {
    let mut names: Vec<String> = candidates.iter().map(|candidate| label(&candidate.name)).collect();
    distinguish(candidates, &mut names, |candidate, name| format!("{}.{name}", candidate.runtime));
    distinguish(candidates, &mut names, |candidate, name| format!("{name}-{}", candidate.identity));
    candidates.iter().zip(names).map(|(candidate, name)| parsed(candidate, &name)).collect()
}

/// Changes the names that more than one candidate has, except that of root.
fn distinguish(candidates: &[Candidate], names: &mut [String], other: fn(&Candidate, &str) -> String) {
    let mut users: BTreeMap<String, usize> = BTreeMap::from([(ROOT.to_owned(), 1)]);
    for (name, candidate) in names.iter().zip(candidates) {
        *users.entry(name.clone()).or_default() += usize::from(!candidate.is_root);
    }
    for (name, candidate) in names.iter_mut().zip(candidates) {
        if !candidate.is_root && users.get(name).is_some_and(|users| *users > 1) {
            *name = label(&other(candidate, name));
        }
    }
}

fn parsed(candidate: &Candidate, name: &str) -> NsName {
    if candidate.is_root {
        return NsName::root();
    }
    // A name that breaks the rules in spite of `label` is replaced by one that cannot.
    let fallback =
        || NsName::try_from(format!("ns-{}", candidate.identity)).unwrap_or_else(|_| NsName::root());
    name.parse().unwrap_or_else(|_| fallback())
}

/// Replaces what a name of a namespace may not contain, and shortens it.
fn label(name: &str) -> String {
    let mut label: String =
        name.chars().map(|c| if c == '/' || c.is_whitespace() || c.is_control() { '_' } else { c }).collect();
    if label.starts_with('-') || matches!(label.as_str(), "" | "." | "..") {
        label.insert(0, '_');
    }
    while label.len() > MAX_NSNAME {
        label.pop();
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(runtime: Runtime, name: &str, identity: &str) -> Candidate {
        Candidate { name: name.to_owned(), runtime, identity: identity.to_owned(), is_root: false }
    }

    fn names(candidates: &[Candidate]) -> Vec<String> {
        unique(candidates).into_iter().map(String::from).collect()
    }

    #[test]
    fn one_name_in_three_runtimes_becomes_three_names() {
        let candidates = [
            candidate(Runtime::Docker, "web", "a"),
            candidate(Runtime::Podman, "web", "b"),
            candidate(Runtime::Netns, "web", "c"),
            candidate(Runtime::Netns, "db", "d"),
        ];
        assert_eq!(names(&candidates), ["docker.web", "podman.web", "netns.web", "db"]);
    }

    #[test]
    fn one_name_twice_in_a_runtime_is_told_apart_by_identity() {
        let candidates = [candidate(Runtime::Docker, "web", "1a"), candidate(Runtime::Docker, "web", "2b")];
        assert_eq!(names(&candidates), ["docker.web-1a", "docker.web-2b"]);
    }

    #[test]
    fn the_name_root_belongs_to_root() {
        let root = Candidate { is_root: true, ..candidate(Runtime::Host, "root", "1") };
        assert_eq!(names(&[candidate(Runtime::Netns, "root", "2"), root]), ["netns.root", "root"]);
    }

    #[test]
    fn the_order_does_not_matter() {
        let mut candidates = [
            candidate(Runtime::Docker, "web", "1"),
            candidate(Runtime::Netns, "web", "2"),
            candidate(Runtime::Netns, "docker.web", "3"),
        ];
        let mut one = names(&candidates);
        candidates.reverse();
        let mut other = names(&candidates);
        one.sort();
        other.sort();
        assert_eq!(one, other);
        assert_eq!(one, ["docker.web-1", "docker.web-3", "netns.web"]);
    }

    #[test]
    fn every_name_can_be_a_label() {
        let long = "x".repeat(300);
        let dashes = format!("-{}", "ä".repeat(200));
        let odd = ["a/b", "../../etc", "a b\n", "", "..", "-rf", &long, &dashes];
        let candidates: Vec<_> = odd
            .iter()
            .enumerate()
            .map(|(i, name)| candidate(Runtime::Process, name, &i.to_string()))
            .collect();
        let names = names(&candidates);
        assert_eq!(names[..6], ["a_b", ".._.._etc", "a_b_", "_", "_..", "_-rf"]);
        assert!(names.iter().all(|name| name.len() <= MAX_NSNAME));
    }
}
