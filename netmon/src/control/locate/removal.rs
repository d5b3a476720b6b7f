//! Finds the lab that `netmon down` is to remove: by its name, or by its file, even if that can no longer be read.
//!
//! A lab file that was lost, broken or renamed is no reason to leave a lab up. What is recorded of each lab has the path
//! that it was built from.

use std::path::{Path, PathBuf};

use netmon_labfile::LoadError;
use netmon_model::names::LabName;

use super::{LocateError, is_file};
use crate::ownership::state::{self, State};

/// A lab that is recorded on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedLab {
    /// Its name.
    pub name: LabName,
    /// The absolute path of its file. `None` if it is the built-in lab, or not known.
    pub file: Option<PathBuf>,
}

/// Returns the labs that are recorded on this host, sorted by name.
#[must_use]
pub fn recorded() -> Vec<RecordedLab> {
    let labs = state::labs().into_iter();
    labs.map(|name| RecordedLab { file: State::load(&name).and_then(|state| state.file), name }).collect()
}

/// The lab that `given` means: a recorded lab of this name, the one in this file, or the one that was built from it.
/// Without a name, the built-in lab.
///
/// # Errors
///
/// Fails if `given` is neither a lab's name nor a valid lab file, and no recorded lab was built from it.
pub fn lab_to_remove(given: Option<&str>, recorded: &[RecordedLab]) -> Result<LabName, LocateError> {
    let Some(given) = given else { return Ok(netmon_labfile::built_in().name) };
    if let Some(lab) = recorded.iter().find(|lab| lab.name.as_str() == given) {
        return Ok(lab.name.clone());
    }
    let path = Path::new(given);
    if !is_file(given) && !path.exists() {
        return Ok(given.parse()?);
    }
    choose(path, netmon_labfile::load(path).map(|lab| lab.name), recorded)
}

/// Chooses by what the file says. If no such lab is recorded, one that was built from this file is meant.
fn choose(
    path: &Path,
    loaded: Result<LabName, LoadError>,
    recorded: &[RecordedLab],
) -> Result<LabName, LocateError> {
    let absolute = std::path::absolute(path).ok();
    let built_from_it = || {
        let mut labs = recorded.iter().filter(|lab| lab.file.is_some() && lab.file == absolute);
        labs.next().map(|lab| lab.name.clone())
    };
    match loaded {
        Ok(name) if recorded.iter().any(|lab| lab.name == name) => Ok(name),
        Ok(name) => Ok(built_from_it().unwrap_or(name)),
        Err(error) => {
            let name = built_from_it().ok_or_else(|| LocateError::Unnamed {
                error,
                labs: recorded.iter().map(|lab| lab.name.clone()).collect(),
            })?;
            log::warn!(
                "cannot read the name of the lab from {}; removing lab {name}, which was built from it",
                path.display()
            );
            Ok(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn recorded() -> Vec<RecordedLab> {
        let lab = |name: &str, file: Option<&str>| RecordedLab {
            name: name.parse().unwrap(),
            file: file.map(PathBuf::from),
        };
        vec![lab("direct", None), lab("lost", Some("/labs/lost.toml")), lab("office", Some("/labs/my.toml"))]
    }

    fn lost() -> LoadError {
        LoadError::Read { path: "/labs/lost.toml".into(), reason: io::ErrorKind::NotFound.into() }
    }

    #[test]
    fn a_lab_is_found_by_its_name_without_its_file() {
        assert_eq!(lab_to_remove(Some("lost"), &recorded()).unwrap().as_str(), "lost");
        assert_eq!(lab_to_remove(None, &[]).unwrap().as_str(), "direct");
        assert_eq!(lab_to_remove(Some("unknown"), &recorded()).unwrap().as_str(), "unknown");
    }

    #[test]
    fn a_lab_is_found_by_the_file_that_it_was_built_from() {
        let found = |path: &str, name: Option<&str>| {
            let loaded = name.map_or_else(|| Err(lost()), |name| Ok(name.parse().unwrap()));
            choose(path.as_ref(), loaded, &recorded()).map(|name| name.to_string())
        };
        assert_eq!(found("/labs/lost.toml", None).unwrap(), "lost", "broken, or deleted");
        assert_eq!(found("/labs/my.toml", Some("renamed")).unwrap(), "office", "it has another name by now");
        assert_eq!(found("/labs/my.toml", Some("lost")).unwrap(), "lost", "the name decides");
        assert_eq!(found("/labs/new.toml", Some("new")).unwrap(), "new", "not up");
        let error = found("/labs/other.toml", None).unwrap_err().to_string();
        assert!(
            error.ends_with("`netmon down LAB` removes a lab by its name: direct | lost | office"),
            "{error}"
        );
    }
}
