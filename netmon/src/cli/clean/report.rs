//! The list of what is left over, for people.

use netmon_model::names::Place;

use crate::{
    leftovers::{Condition, FoundLab, Leftovers},
    render::table::table,
};

/// More names than these are counted only; `-o json` has all of them.
const SHOWN: usize = 6;

/// The whole list, also when it is empty.
#[must_use]
pub fn text(found: &Leftovers) -> String {
    let mut parts = Vec::new();
    for (title, wanted) in KINDS {
        let labs: Vec<&FoundLab> = found.labs.iter().filter(|lab| wanted(lab)).collect();
        if !labs.is_empty() {
            parts.push(format!("{title}\n{}", of_labs(&labs)));
        }
    }
    if found.netns_directory {
        parts.push("/run/netns was prepared by netmon, and nobody uses it.\n".to_owned());
    }
    if !found.unreadable.is_empty() {
        parts.push(format!("Could not be looked at:\n  {}\n", found.unreadable.join("\n  ")));
    }
    if found.is_clean() {
        parts.push("Nothing is left over.\n".to_owned());
    }
    parts.join("\n")
}

type Wanted = fn(&FoundLab) -> bool;

const KINDS: [(&str, Wanted); 3] = [
    ("Left over:", FoundLab::is_dead),
    ("Standing, made to stay (`netmon down FILE`, or `netmon clean LAB`, removes one):", |lab| {
        matches!(lab.condition, Condition::Standing)
    }),
    ("Held by a process, never touched here:", FoundLab::is_held),
];

fn of_labs(labs: &[&FoundLab]) -> String {
    let rows = labs.iter().flat_map(|lab| {
        let rows = things(lab).into_iter().map(|(what, names)| {
            [lab.lab.to_string(), what.to_owned(), names.len().to_string(), shown(&names)]
        });
        rows.collect::<Vec<_>>()
    });
    let columns = [("LAB", false), ("WHAT", false), ("", true), ("WHICH", false)];
    let mut text = table(columns, rows) + "\n";
    for lab in labs {
        if let Some(remark) = remark(lab) {
            text.push_str(&format!("lab {}: {remark}\n", lab.lab));
        }
    }
    text
}

/// Everything that there is of a lab, by kind.
fn things(lab: &FoundLab) -> Vec<(&'static str, Vec<String>)> {
    let paths = |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
    let filters = lab.filters.iter().map(|filter| {
        format!("{} of {} in {}", filter.direction, filter.place.interface, filter.place.namespace)
    });
    let mut things = vec![
        ("namespaces", lab.namespaces.iter().map(ToString::to_string).collect()),
        ("interfaces", lab.interfaces.iter().map(of_place).collect()),
        ("filters", filters.collect()),
        ("pins", lab.pins.iter().map(|pins| pins.path.display().to_string()).collect()),
        ("files", paths(&lab.files)),
        ("service cgroups", paths(&lab.cgroups)),
        ("state", lab.folder.iter().map(|folder| folder.display().to_string()).collect()),
    ];
    things.retain(|(_, names): &(_, Vec<String>)| !names.is_empty());
    things
}

/// In root, unless somebody moved it.
fn of_place(place: &Place) -> String {
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
        Condition::Dead { reason } => Some(reason.clone()),
        Condition::Held { holder } => Some(format!("held by {holder}")),
        Condition::Standing if lab.has_orphaned_filters() => {
            Some("an agent that is gone left its filters on it; they go, the lab stays".to_owned())
        }
        Condition::Standing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted_and_few_are_all_shown() {
        let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect::<Vec<_>>();
        assert_eq!(shown(&names(2)), "n0, n1");
        assert!(shown(&names(SHOWN)).ends_with("n5"));
        assert!(shown(&names(1000)).ends_with("n5 and 994 more"));
    }

    #[test]
    fn nothing_left_over_is_said_and_so_is_what_was_not_seen() {
        let mut found = Leftovers::default();
        assert_eq!(text(&found), "Nothing is left over.\n");
        found.unreadable.push("3 network namespaces".to_owned());
        assert!(text(&found).contains("3 network namespaces"));
    }
}
