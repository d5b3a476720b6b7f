//! The folders of pins on this host, and whose they are.

use std::path::{Path, PathBuf};

use netmon_model::names::LabName;
use serde::Serialize;

use super::{DIRECTORY, Folder, LINK, PinError, entries, is_ours, name, remove};
use crate::{
    netns::NetNs,
    sys::bpf_pins::{LinkPlace, link, pinned},
};

/// A folder of pins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Hooks on which its programs are.
    pub hooks: usize,
    #[serde(skip)]
    lab: LabName,
}

impl Found {
    /// The lab that it is called after.
    #[must_use]
    pub fn lab(&self) -> &LabName {
        &self.lab
    }
}

/// The folders of labs whose root is the calling thread's namespace, and of those whose namespaces are gone: whoever
/// called another namespace root may still use his.
///
/// # Errors
///
/// When they cannot be listed.
pub fn found() -> Result<Vec<Found>, PinError> {
    let here = NetNs::current().and_then(|root| root.cookie()).map_err(PinError::Root)?;
    let mut found = Vec::new();
    for name in entries(Path::new(DIRECTORY))? {
        if let Some((lab, root)) = name::decode(&name) {
            found.extend(look_at(Path::new(DIRECTORY).join(name), lab, root == here)?);
        }
    }
    Ok(found)
}

fn look_at(path: PathBuf, lab: LabName, is_here: bool) -> Result<Option<Found>, PinError> {
    let names = entries(&path)?;
    if !is_ours(&path, &names) {
        return Ok(None);
    }
    let links: Vec<LinkPlace> = names
        .iter()
        .filter(|name| name.starts_with(LINK))
        .filter_map(|name| Some(link(pinned(&path.join(name)).ok()?).ok()?.place))
        .collect();
    let is_hook = |place: &&LinkPlace| matches!(place, LinkPlace::Tcx { .. });
    let is_on = |place: &&LinkPlace| matches!(place, LinkPlace::Tcx { ifindex: 1.., .. });
    let hooks = links.iter().filter(is_on).count();
    // Without any, its programs may be filters: nobody can tell from here.
    let is_dead = hooks == 0 && links.iter().any(|place| is_hook(&place));
    Ok((is_here || is_dead).then_some(Found { path, hooks, lab }))
}

/// Removes every folder of this lab that [`found`] would list. Goes on after an error, and returns all of them.
pub fn remove_all_of(lab: &LabName) -> Vec<PinError> {
    let mut errors = Vec::new();
    let own = match Folder::of(lab) {
        Ok(folder) => folder.path,
        Err(error) => return vec![error],
    };
    errors.extend(remove(&own));
    match found() {
        Ok(found) => {
            let others = found.iter().filter(|one| one.lab == *lab && one.path != own);
            errors.extend(others.flat_map(|one| remove(&one.path)));
        }
        Err(error) => errors.push(error),
    }
    errors
}
