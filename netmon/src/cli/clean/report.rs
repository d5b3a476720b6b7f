//! The list of leftovers, for people.

use netmon_model::names::Place;

use crate::{
    leftovers::{Condition, FoundLab, Leftovers},
    render::table::table,
};

/// At most this many names of a kind are shown. `-o json` has all of them.
const SHOWN: usize = 6;

/// Renders the labs of this host, by their condition. `has_work` is whether something of it is to be removed.
#[must_use]
pub fn text(found: &Leftovers, has_work: bool) -> String {
    let mut parts = Vec::new();
    for (title, wanted) in KINDS {
        let labs: Vec<&FoundLab> = found.labs.iter().filter(|lab| wanted(lab)).collect();
        if !labs.is_empty() {
            parts.push(format!("{title}\n{}", list(&labs)));
        }
    }
    if found.netns_directory {
        parts.push("/run/netns was prepared by netmon and is no longer used.\n".to_owned());
    }
    if !found.unreadable.is_empty() {
        parts.push(format!("Not examined:\n  {}\n", found.unreadable.join("\n  ")));
    }
    if found.is_clean() && !has_work {
        parts.push("Nothing is left over.\n".to_owned());
    }
    parts.join("\n")
}

type Wanted = fn(&FoundLab) -> bool;

const KINDS: [(&str, Wanted); 3] = [
    ("Left over:", FoundLab::is_dead),
    ("Complete, and meant to stay (`netmon down LAB` or `netmon clean LAB` removes one):", |lab| {
        matches!(lab.condition, Condition::Standing)
    }),
    ("Held by a process, and never touched by `netmon clean`:", FoundLab::is_held),
];

fn list(labs: &[&FoundLab]) -> String {
    let rows = labs.iter().flat_map(|lab| {
        let rows = objects(lab).into_iter().map(|(what, names)| {
            [lab.lab.to_string(), what.to_owned(), names.len().to_string(), shown(&names)]
        });
        rows.collect::<Vec<_>>()
    });
    let columns = [("LAB", false), ("KIND", false), ("COUNT", true), ("NAMES", false)];
    let mut text = table(columns, rows) + "\n";
    for lab in labs {
        if let Some(remark) = remark(lab) {
            text.push_str(&format!("lab {}: {remark}\n", lab.lab));
        }
    }
    text
}

/// Returns the names of a lab's objects, by kind.
fn objects(lab: &FoundLab) -> Vec<(&'static str, Vec<String>)> {
    let paths = |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
    let filters = lab.filters.iter().map(|filter| {
        format!("{} of {} in {}", filter.direction, filter.place.interface, filter.place.namespace)
    });
    let mut objects = vec![
        ("namespaces", lab.namespaces.iter().map(ToString::to_string).collect()),
        ("interfaces", lab.interfaces.iter().map(place).collect()),
        ("filters", filters.collect()),
        ("pins", lab.pins.iter().map(|pins| pins.path.display().to_string()).collect()),
        ("files", paths(&lab.files)),
        ("service cgroups", paths(&lab.cgroups)),
        ("state", lab.folder.iter().map(|folder| folder.display().to_string()).collect()),
    ];
    objects.retain(|(_, names): &(_, Vec<String>)| !names.is_empty());
    objects
}

/// Formats an interface with its namespace: root, unless another program moved the interface.
fn place(place: &Place) -> String {
    format!("{} in {}", place.interface, place.namespace)
}

fn shown(names: &[String]) -> String {
    let text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}

fn remark(lab: &FoundLab) -> Option<String> {
    match &lab.condition {
        Condition::Dead { reason } if lab.pins.is_empty() => Some(reason.clone()),
        Condition::Dead { reason } => Some(format!(
            "{reason}; its links are still counted, and `netmon run` with its file continues that"
        )),
        Condition::Held { holder } => Some(format!("held by {holder}")),
        Condition::Standing if lab.has_orphaned_filters() => Some(
            "filters of a dead agent are still attached; they will be removed, and the lab stays".to_owned(),
        ),
        Condition::Standing => None,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::leftovers::example;

    #[test]
    fn labs_are_listed_by_their_condition() {
        assert_snapshot!(text(&example::leftovers(), true));
    }

    #[test]
    fn a_host_without_leftovers() {
        assert_eq!(text(&Leftovers::default(), false), "Nothing is left over.\n");
    }

    #[test]
    fn many_names_are_counted_and_few_are_all_shown() {
        let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect::<Vec<_>>();
        assert_eq!(shown(&names(2)), "n0, n1");
        assert!(shown(&names(SHOWN)).ends_with("n5"));
        assert!(shown(&names(1000)).ends_with("n5 and 994 more"));
    }
}
