//! Finds the link that a command's argument means, in one lab or in all of them.

use netmon_model::names::LabName;

use super::{LocateError, error::LabLink, lab};
use crate::ownership::state::{RecordedInterface, RecordedLink, State, labs};

/// The one link that `wanted` means: its name, or INTERFACE or NAMESPACE:INTERFACE of one end. Searches the lab
/// `within`, given by name or file, or all labs.
///
/// # Errors
///
/// Fails if there is no such link, or more than one; or if `within` is no lab.
pub fn link(wanted: &str, within: Option<&str>) -> Result<(LabName, RecordedLink), LocateError> {
    let labs = match within {
        Some(within) => vec![lab(within)?],
        None => labs(),
    };
    let links: Vec<(LabName, RecordedLink)> = labs
        .into_iter()
        .filter_map(|lab| State::load(&lab))
        .flat_map(|state| state.links.into_iter().map(move |link| (state.lab.clone(), link)))
        .collect();
    choose(wanted, links)
}

fn choose(wanted: &str, links: Vec<(LabName, RecordedLink)>) -> Result<(LabName, RecordedLink), LocateError> {
    if links.is_empty() {
        return Err(LocateError::NoLinks);
    }
    let list = |links: &[(LabName, RecordedLink)]| {
        let list = links.iter().map(|(lab, link)| LabLink { lab: lab.clone(), link: link.name.clone() });
        list.collect()
    };
    let (mut matching, others): (Vec<_>, Vec<_>) =
        links.into_iter().partition(|(_, link)| is_meant(wanted, link));
    let wanted = wanted.to_owned();
    match matching.len() {
        0 => Err(LocateError::NoSuchLink { wanted, links: list(&others) }),
        1 => Ok(matching.remove(0)),
        _ => Err(LocateError::AmbiguousLink { wanted, links: list(&matching) }),
    }
}

fn is_meant(wanted: &str, link: &RecordedLink) -> bool {
    let is_end = |end: &RecordedInterface| {
        end.interface.as_str() == wanted || format!("{}:{}", end.namespace, end.interface) == wanted
    };
    link.name.as_str() == wanted || is_end(&link.a) || is_end(&link.b)
}

#[cfg(test)]
mod tests {
    use netmon_model::{mac::Mac, names::LinkName};

    use super::*;

    fn link_of(lab: &str, a: (&str, &str), b: (&str, &str)) -> (LabName, RecordedLink) {
        let end = |(namespace, interface): (&str, &str)| RecordedInterface {
            namespace: namespace.parse().unwrap(),
            interface: interface.parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            ifindex: None,
        };
        let (a, b) = (end(a), end(b));
        let name = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
        (lab.parse().unwrap(), RecordedLink { name, a, b, in_container: false })
    }

    fn links() -> Vec<(LabName, RecordedLink)> {
        vec![
            link_of("x", ("root", "veth0"), ("one", "eth0")),
            link_of("y", ("root", "veth1"), ("two", "eth0")),
        ]
    }

    #[test]
    fn a_link_is_found_by_its_name_or_by_either_end() {
        for wanted in ["veth0", "root:veth0", "one:eth0", "root:veth0--one:eth0"] {
            assert_eq!(choose(wanted, links()).unwrap().0.as_str(), "x", "{wanted}");
        }
    }

    #[test]
    fn an_ambiguous_link_is_refused_with_all_that_match() {
        let error = choose("eth0", links()).unwrap_err();
        assert!(matches!(error, LocateError::AmbiguousLink { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.ends_with("\n  root:veth0--one:eth0 (lab x)\n  root:veth1--two:eth0 (lab y)"), "{text}");
    }

    #[test]
    fn an_unknown_link_is_refused_with_all_that_exist() {
        let error = choose("veth7", links()).unwrap_err();
        assert!(matches!(error, LocateError::NoSuchLink { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("there is no link veth7; the links are:\n  root:veth0--one"), "{text}");
        assert!(matches!(choose("veth7", Vec::new()), Err(LocateError::NoLinks)));
    }
}
