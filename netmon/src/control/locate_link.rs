//! Which link of which lab is meant.

use anyhow::bail;
use netmon_model::names::LabName;

use crate::{
    cli::exit::ExitCode,
    control::locate::named,
    ownership::state::{RecordedInterface, RecordedLink, State, labs},
};

/// The one link that `wanted` means, in the lab that is meant or in any.
pub(crate) fn link(wanted: &str, lab: Option<&str>) -> anyhow::Result<(LabName, RecordedLink)> {
    let labs = match lab {
        Some(lab) => vec![named(lab)?],
        None => labs(),
    };
    let there: Vec<(LabName, RecordedLink)> = labs
        .into_iter()
        .filter_map(|lab| State::load(&lab))
        .flat_map(|state| state.links.into_iter().map(move |link| (state.lab.clone(), link)))
        .collect();
    choose(wanted, there)
}

fn choose(wanted: &str, there: Vec<(LabName, RecordedLink)>) -> anyhow::Result<(LabName, RecordedLink)> {
    if there.is_empty() {
        bail!("there is no lab with a link: make one with `netmon up`, or `netmon run` in another terminal");
    }
    let shown = |links: &[(LabName, RecordedLink)]| {
        let lines: Vec<_> = links.iter().map(|(lab, link)| format!("  {} (lab {lab})", link.name)).collect();
        lines.join("\n")
    };
    let (mut meant, others): (Vec<_>, Vec<_>) =
        there.into_iter().partition(|(_, link)| is_meant(wanted, link));
    match (meant.pop(), meant.is_empty()) {
        (Some(link), true) => Ok(link),
        (Some(link), false) => {
            meant.push(link);
            let error = anyhow::anyhow!("{wanted} may be any of these; say which:\n{}", shown(&meant));
            Err(ExitCode::Usage.because(error))
        }
        (None, _) => {
            let error = anyhow::anyhow!("there is no link {wanted}; there are:\n{}", shown(&others));
            Err(ExitCode::Usage.because(error))
        }
    }
}

fn is_meant(wanted: &str, link: &RecordedLink) -> bool {
    let of_end = |end: &RecordedInterface| {
        end.interface.as_str() == wanted || format!("{}:{}", end.namespace, end.interface) == wanted
    };
    link.name.as_str() == wanted || of_end(&link.a) || of_end(&link.b)
}

#[cfg(test)]
mod tests {
    use netmon_model::{mac::Mac, names::LinkName};

    use super::*;

    fn there(lab: &str, a: (&str, &str), b: (&str, &str)) -> (LabName, RecordedLink) {
        let end = |(namespace, interface): (&str, &str)| RecordedInterface {
            namespace: namespace.parse().unwrap(),
            interface: interface.parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            ifindex: None,
        };
        let (a, b) = (end(a), end(b));
        let name = LinkName::default_for((&a.namespace, &a.interface), (&b.namespace, &b.interface));
        (lab.parse().unwrap(), RecordedLink { name, a, b })
    }

    #[test]
    fn a_link_is_meant_by_its_name_or_by_either_end() {
        let links = || {
            vec![
                there("x", ("root", "veth0"), ("one", "eth0")),
                there("y", ("root", "veth1"), ("two", "eth0")),
            ]
        };
        for wanted in ["veth0", "root:veth0", "one:eth0", "root:veth0--one:eth0"] {
            assert_eq!(choose(wanted, links()).unwrap().0.as_str(), "x", "{wanted}");
        }
        let error = choose("eth0", links()).unwrap_err();
        assert_eq!(ExitCode::of(&error), ExitCode::Usage);
        assert!(error.to_string().contains("root:veth1--two:eth0 (lab y)"), "{error}");
        let error = choose("veth7", links()).unwrap_err();
        assert!(
            error.to_string().contains("there is no link veth7; there are:\n  root:veth0--one"),
            "{error}"
        );
    }
}
