//! The pin directories on this host, and the labs that they belong to.

use std::path::{Path, PathBuf};

use netmon_model::names::LabName;
use serde::Serialize;

use super::{DIRECTORY, LINK, PinDirectory, PinError, entries, is_ours, name, remove, require_own};
use crate::{
    netns::NetNs,
    sys::bpf_pins::{LinkPlace, link, pinned},
};

/// A pin directory on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabPins {
    /// Its path.
    pub path: PathBuf,
    /// How many hooks its programs are attached to.
    pub hooks: usize,
    #[serde(skip)]
    lab: LabName,
}

impl LabPins {
    /// Returns the lab that it belongs to.
    #[must_use]
    pub fn lab(&self) -> &LabName {
        &self.lab
    }
}

/// Returns the directories of labs whose root is the calling thread's namespace, and of those whose interfaces no longer
/// exist. A directory for another root namespace may still be in use.
///
/// # Errors
///
/// Fails if the directories cannot be listed.
pub fn list() -> Result<Vec<LabPins>, PinError> {
    let here = NetNs::current().and_then(|root| root.cookie()).map_err(PinError::Root)?;
    require_own(Path::new(DIRECTORY))?;
    let mut all = Vec::new();
    for name in entries(Path::new(DIRECTORY))? {
        if let Some((lab, root)) = name::decode(&name) {
            all.extend(examine(Path::new(DIRECTORY).join(name), lab, root == here)?);
        }
    }
    Ok(all)
}

fn examine(path: PathBuf, lab: LabName, is_here: bool) -> Result<Option<LabPins>, PinError> {
    if require_own(&path).is_err() {
        return Ok(None);
    }
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
    let is_attached = |place: &&LinkPlace| matches!(place, LinkPlace::Tcx { ifindex: 1.., .. });
    let hooks = links.iter().filter(is_attached).count();
    // Without TCX links its programs may be filters, which are not visible from here.
    let is_dead = hooks == 0 && links.iter().any(|place| is_hook(&place));
    Ok((is_here || is_dead).then_some(LabPins { path, hooks, lab }))
}

/// Removes every directory of this lab that [`list`] returns. Continues after an error, and returns all errors.
pub fn remove_all(lab: &LabName) -> Vec<PinError> {
    if let Err(refused) = require_own(Path::new(DIRECTORY)) {
        // Nothing of netmon's is there: it does not pin where another user could take it away.
        log::warn!("{refused}");
        return Vec::new();
    }
    let mut errors = Vec::new();
    let own = match PinDirectory::for_lab(lab) {
        Ok(directory) => directory.path,
        Err(error) => return vec![error],
    };
    errors.extend(remove(&own));
    match list() {
        Ok(all) => {
            let others = all.iter().filter(|one| one.lab == *lab && one.path != own);
            errors.extend(others.flat_map(|one| remove(&one.path)));
        }
        Err(error) => errors.push(error),
    }
    errors
}
