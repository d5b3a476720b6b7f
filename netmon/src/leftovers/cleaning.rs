//! What `netmon clean` does with what was found: decides what is removed of each lab, and removes it.

use netmon_kernel::netns::directory;
use netmon_model::{error::chain, names::LabName, progress::Progress};

use super::{Condition, FoundLab, Leftovers};
use crate::{
    control,
    ownership::{OwnershipError, state},
};

/// Which labs are cleaned up. Without names: all that no process holds and that are incomplete.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these labs, even complete ones. Empty for every lab.
    pub labs: Vec<LabName>,
    /// Complete labs as well.
    pub complete: bool,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Cleaned {
    /// Labs that were removed, or whose orphaned filters were.
    pub labs: Vec<LabName>,
    /// What could not be removed, and why.
    pub errors: Vec<String>,
}

/// What is removed of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Nothing,
    /// Filters whose counters no process reads. The lab stays.
    Filters,
    /// The whole lab.
    All,
}

impl Selection {
    /// Drops everything that is not selected.
    ///
    /// # Errors
    ///
    /// [`OwnershipError::Held`] if a process holds a lab that was named.
    pub fn restrict(&self, mut found: Leftovers) -> Result<Leftovers, OwnershipError> {
        if self.labs.is_empty() {
            return Ok(found);
        }
        found.labs.retain(|lab| self.labs.contains(&lab.lab));
        found.netns_directory = false;
        let held = found.labs.iter().find_map(|lab| match &lab.condition {
            Condition::Held { holder } => {
                Some(OwnershipError::Held { lab: lab.lab.clone(), holder: holder.clone() })
            }
            _ => None,
        });
        held.map_or(Ok(found), Err)
    }

    /// Returns whether there is anything to remove.
    #[must_use]
    pub fn has_work(&self, found: &Leftovers) -> bool {
        found.netns_directory || found.labs.iter().any(|lab| self.work_on(lab) != Work::Nothing)
    }

    /// Cleans up one lab after the other. Continues after errors.
    #[must_use]
    pub fn clean(&self, found: &Leftovers, progress: &dyn Progress) -> Cleaned {
        let mut cleaned = Cleaned::default();
        for lab in &found.labs {
            let done = match self.work_on(lab) {
                Work::Nothing => continue,
                Work::Filters => lab.claim().map(|_claim| lab.remove_filters()),
                Work::All => lab.claim().map(|claim| control::remove(&claim, progress)),
            };
            let errors = done.unwrap_or_else(|error| vec![chain(&error)]);
            if errors.is_empty() {
                log::info!("lab {} is cleaned up", lab.lab);
                cleaned.labs.push(lab.lab.clone());
            }
            cleaned.errors.extend(errors.into_iter().map(|error| format!("lab {}: {error}", lab.lab)));
        }
        if found.netns_directory {
            cleaned.errors.extend(directory::restore_if_unused().err().map(|error| chain(&error)));
            // Fails if the directory is not empty: then it must stay.
            let _ = std::fs::remove_dir(state::RUN_DIRECTORY);
        }
        cleaned
    }

    fn work_on(&self, lab: &FoundLab) -> Work {
        match lab.condition {
            Condition::Held { .. } => Work::Nothing,
            Condition::Dead { .. } => Work::All,
            Condition::Standing if self.complete || self.labs.contains(&lab.lab) => Work::All,
            Condition::Standing if lab.has_orphaned_filters() => Work::Filters,
            Condition::Standing => Work::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use netmon_model::names::{Direction, IfIndex, Place};

    use super::*;
    use crate::{leftovers::FoundFilter, ownership::Holder};

    fn lab(name: &str, condition: Condition) -> FoundLab {
        FoundLab {
            lab: name.parse().unwrap(),
            condition,
            namespaces: Vec::new(),
            interfaces: Vec::new(),
            filters: Vec::new(),
            pins: Vec::new(),
            files: Vec::new(),
            cgroups: Vec::new(),
            folder: None,
            state: None,
            temporary: false,
        }
    }

    fn held() -> Condition {
        Condition::Held { holder: Holder { pid: 7, http: None } }
    }

    fn dead() -> Condition {
        Condition::Dead { reason: "its agent was killed".to_owned() }
    }

    fn named(name: &str) -> Selection {
        Selection { labs: vec![name.parse().unwrap()], complete: false }
    }

    #[test]
    fn a_dead_lab_is_removed_and_a_held_one_never_is() {
        for selection in [Selection::default(), named("x"), Selection { complete: true, ..named("x") }] {
            assert_eq!(selection.work_on(&lab("x", dead())), Work::All);
            assert_eq!(selection.work_on(&lab("x", held())), Work::Nothing);
        }
    }

    #[test]
    fn a_complete_lab_is_removed_only_on_request() {
        let standing = lab("x", Condition::Standing);
        let all = Selection { complete: true, ..Selection::default() };
        assert_eq!(Selection::default().work_on(&standing), Work::Nothing);
        assert_eq!(named("x").work_on(&standing), Work::All);
        assert_eq!(all.work_on(&standing), Work::All);
    }

    #[test]
    fn a_complete_lab_loses_its_orphaned_filters() {
        let place = Place { namespace: "root".parse().unwrap(), interface: "veth0".parse().unwrap() };
        let filter = FoundFilter { place, direction: Direction::Ingress, index: IfIndex(2) };
        let lab = FoundLab { filters: vec![filter], ..lab("x", Condition::Standing) };
        assert_eq!(Selection::default().work_on(&lab), Work::Filters);
    }

    #[test]
    fn a_selection_by_name_keeps_only_those_labs_and_refuses_a_held_one() {
        let found = || Leftovers {
            labs: vec![lab("x", dead()), lab("y", held())],
            netns_directory: true,
            unreadable: Vec::new(),
        };
        let restricted = named("x").restrict(found()).unwrap();
        assert_eq!((restricted.labs.len(), restricted.netns_directory), (1, false));
        assert!(named("x").has_work(&restricted));
        assert!(matches!(named("y").restrict(found()), Err(OwnershipError::Held { .. })));
        assert_eq!(Selection::default().restrict(found()).unwrap().labs.len(), 2);
    }
}
