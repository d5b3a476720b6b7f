//! Removing all of a lab, whether it was built as a whole, in part, or by a process that was killed.

use std::{collections::BTreeSet, fs, io, path::Path};

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
    removal::{Doomed, Removal},
    resolv::{self, ResolvConf},
};
use crate::ownership::{
    claim::Claim,
    mark::{Mark, Owner},
    state::{self, RecordedInterface, State},
};

/// What [`down`] did, and what it could not do.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many namespaces were removed.
    pub namespaces: usize,
    /// How many interfaces in root were removed.
    pub interfaces: usize,
    /// What is gone, but not without remark.
    pub warnings: Vec<String>,
    /// What is left, and why.
    pub errors: Vec<String>,
}

/// Removes all of a lab that carries its mark, whether it was built as a whole, in part, or by a process
/// that was killed. `stop_services` is called first. Nothing being there is no error.
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
            report.warnings = taken(&mark, state.as_ref(), &actual);
            let removal = everything(&actual);
            report.namespaces = removal.namespaces.len();
            report.interfaces =
                removal.links.iter().filter(|doomed| doomed.place.namespace.is_root()).count();
            let outcome = removal.execute(&mut handles, &mark, progress);
            report.warnings.extend(outcome.warnings);
            report.errors.extend(outcome.errors);
        }
        Err(e) => report.errors.push(chain(&e)),
    }
    let put_back = put_back(lab, state.as_ref(), report.errors.is_empty());
    report.errors.extend(put_back.iter().map(|e| chain(e)));
    report
}

/// What the lab had made, and stands there under the same name as somebody else's.
fn taken(mark: &Mark, state: Option<&State>, actual: &Actual) -> Vec<String> {
    let Some(state) = state else { return Vec::new() };
    let mut taken = Vec::new();
    let names = state.namespaces.iter().map(|recorded| &recorded.name);
    for name in names.filter(|name| matches!(actual.namespaces.get(*name), Some(ActualNamespace::Foreign))) {
        taken.push(format!("namespace {name}"));
    }
    for RecordedInterface { namespace, interface, .. } in state.interfaces() {
        let there = actual.contents(namespace).and_then(|c| c.interfaces.get(interface.as_str()));
        if there.is_some_and(|there| there.owner == Owner::Foreign) {
            taken.push(format!("interface {interface} in namespace {namespace}"));
        }
    }
    let is_foreign = |name: &&NsName| matches!(resolv::look_up(name, mark), Ok(Some(ResolvConf::Foreign)));
    taken.extend(
        state.files.iter().filter(is_foreign).map(|name| format!("file /etc/netns/{name}/resolv.conf")),
    );
    taken.iter().map(|what| format!("{what} is somebody else's by now, and stays")).collect()
}

/// All that carries the mark.
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
            removal.links.push(Doomed {
                place: Place { namespace: name.clone(), interface },
                index: seen.index,
                // A pair with both ends in root has nobody to die with.
                dies_by_itself: !(name.is_root() && seen.peer_is_here),
            });
        }
    }
    // Its peer may be elsewhere as well, so nobody is known to take it along.
    let stray = |(place, index): (&Place, &IfIndex)| Doomed {
        place: place.clone(),
        index: *index,
        dies_by_itself: false,
    };
    removal.links.extend(actual.strays.iter().map(stray));
    let files: BTreeSet<NsName> = actual
        .files
        .iter()
        .filter(|(_, found)| **found != ResolvConf::Foreign)
        .map(|(n, _)| n.clone())
        .collect();
    removal.files = files.into_iter().collect();
    removal
}

/// Folders, /run/netns and the lab's own folder, as they were. The state stays while something is left.
fn put_back(lab: &LabName, state: Option<&State>, all_gone: bool) -> Vec<TopologyError> {
    let mut errors = Vec::new();
    // A state that names any other folder was not written by netmon.
    let folders = state.iter().flat_map(|state| state.folders.iter().rev());
    for folder in folders.filter(|folder| folder.starts_with(resolv::DIRECTORY)) {
        errors.extend(resolv::remove_folder_if_empty(folder).err());
    }
    errors.extend(directory::restore_if_unused().err().map(TopologyError::from));
    if all_gone && errors.is_empty() {
        let folder = state::directory(lab);
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                errors.push(TopologyError::file("remove", &folder, e));
            }
            _ => {}
        }
    }
    errors
}
