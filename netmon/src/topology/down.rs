//! Removes all of a lab, whether it was built completely, partly, or by a process that was killed.

use std::{collections::BTreeSet, path::Path};

use netmon_kernel::netns::directory;
use netmon_model::{
    error::chain,
    names::{IfIndex, IfName, LabName, NsName, Place},
    progress::Progress,
};

use super::{
    actual::{self, Actual, ActualNamespace},
    error::{BoxError, TopologyError},
    handle,
    removal::{Removal, StaleInterface, not_ours_any_more},
    resolv,
};
use crate::ownership::{
    claim::Claim,
    folder,
    mark::{Mark, Owner},
    state::{self, RecordedInterface, State},
};

/// What [`down`] removed, and what it could not remove.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many namespaces were removed.
    pub namespaces: usize,
    /// How many interfaces in root were removed.
    pub interfaces: usize,
    /// What was removed with caveats, or kept because it is no longer the lab's.
    pub warnings: Vec<String>,
    /// What could not be removed, and why.
    pub errors: Vec<String>,
}

/// Removes everything that carries the mark of the claimed lab. Calls `stop_services` first. Succeeds if there is nothing
/// to remove.
pub fn down(
    claim: &Claim,
    stop_services: impl FnOnce(&LabName, &Path) -> Vec<BoxError>,
    progress: &dyn Progress,
) -> Report {
    handle::raise_descriptor_limit();
    let lab = claim.lab();
    let (mark, state) = (Mark::of(lab), State::load(lab));
    let mut report = Report::default();
    progress.busy("stopping services");
    let stopped = stop_services(lab, &state::directory(lab));
    report.errors.extend(stopped.iter().map(|e| chain(e.as_ref())));
    progress.busy("reading what is there");
    match actual::read(&mark, state.as_ref(), None) {
        Ok((actual, mut handles)) => {
            report.warnings = reused(&mark, state.as_ref(), &actual);
            let removal = everything(&actual);
            report.namespaces = removal.namespaces.len();
            report.interfaces = removal.links.iter().filter(|link| link.place.namespace.is_root()).count();
            let outcome = removal.execute(&mut handles, &mark, progress);
            report.warnings.extend(outcome.warnings);
            report.errors.extend(outcome.errors);
        }
        Err(e) => report.errors.push(chain(&e)),
    }
    restore_folders(lab, state.as_ref(), &mut report);
    report
}

/// Returns warnings about objects that the lab once had and that are now foreign, under the same name.
fn reused(mark: &Mark, state: Option<&State>, actual: &Actual) -> Vec<String> {
    let Some(state) = state else { return Vec::new() };
    let mut reused = Vec::new();
    let names = state.namespaces.iter().map(|recorded| &recorded.name);
    for name in names.filter(|name| matches!(actual.namespaces.get(*name), Some(ActualNamespace::Foreign))) {
        reused.push(format!("namespace {name}"));
    }
    for RecordedInterface { namespace, interface, .. } in state.interfaces() {
        let there = actual.contents(namespace).and_then(|c| c.interfaces.get(interface.as_str()));
        if there.is_some_and(|there| there.owner == Owner::Foreign) {
            reused.push(format!("interface {interface} in namespace {namespace}"));
        }
    }
    let is_foreign = |name: &&NsName| matches!(resolv::look_up(name, mark), Ok(Some(f)) if !f.is_ours());
    reused.extend(
        state.files.iter().filter(is_foreign).map(|name| format!("file /etc/netns/{name}/resolv.conf")),
    );
    reused.iter().map(|what| not_ours_any_more(what)).collect()
}

/// Returns everything that carries the mark.
fn everything(actual: &Actual) -> Removal {
    let mut removal = Removal::default();
    for (name, there) in &actual.namespaces {
        let ours = matches!(there, ActualNamespace::Known(_) | ActualNamespace::Remnant);
        if ours && !name.is_root() {
            removal.namespaces.push(name.clone());
        }
        let Some(contents) = actual.contents(name) else { continue };
        for (interface, seen) in contents.interfaces.iter().filter(|(_, seen)| seen.owner == Owner::Ours) {
            let Ok(interface) = interface.parse::<IfName>() else { continue };
            removal.links.push(StaleInterface {
                place: Place { namespace: name.clone(), interface },
                index: seen.index,
                // A pair with both ends in root is in no namespace that goes.
                goes_with_namespace: !(name.is_root() && seen.peer_is_here),
            });
        }
    }
    // Its peer may have been moved as well, so no namespace is known to take it along.
    let stray = |(place, index): (&Place, &IfIndex)| StaleInterface {
        place: place.clone(),
        index: *index,
        goes_with_namespace: false,
    };
    removal.links.extend(actual.strays.iter().map(stray));
    let files: BTreeSet<NsName> =
        actual.files.iter().filter(|(_, found)| found.is_ours()).map(|(n, _)| n.clone()).collect();
    removal.files = files.into_iter().collect();
    removal
}

/// Restores /etc/netns and /run/netns, and removes what is netmon's of the lab's own folder. The recorded state stays if
/// something is left.
fn restore_folders(lab: &LabName, state: Option<&State>, report: &mut Report) {
    // netmon records no other folders.
    let folders = state.iter().flat_map(|state| state.folders.iter().rev());
    for folder in folders.filter(|folder| folder.starts_with(resolv::DIRECTORY)) {
        report.errors.extend(resolv::remove_folder_if_empty(folder).err().map(|e| chain(&e)));
    }
    report.errors.extend(directory::restore_if_unused().err().map(|e| chain(&e)));
    if !report.errors.is_empty() {
        return;
    }
    match folder::remove(lab) {
        Ok(kept) => report.warnings.extend(kept.iter().map(|path| kept_in_folder(path))),
        Err(e) => report.errors.push(chain(&TopologyError::file("remove", &state::directory(lab), e))),
    }
}

/// Returns the warning that something in the lab's folder is another program's.
fn kept_in_folder(path: &Path) -> String {
    format!("kept {}, which is not netmon's", path.display())
}
