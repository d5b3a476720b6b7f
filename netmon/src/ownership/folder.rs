//! What netmon keeps in a lab's folder under /run/netmon, by name.
//!
//! A folder is a lab's only if something of this is in it, and nothing else in it is ever removed.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use netmon_kernel::owned_files;
use netmon_model::names::LabName;

use super::state;

/// Directly in the folder. A name with `.new` is a file that was being replaced.
const FILES: [&str; 9] = [
    "state.json",
    "state.json.new",
    "lock",
    "temporary",
    "agent.sock",
    "http.sock",
    "agent.json",
    "services.log",
    "services.log.1",
];
/// The folder of the services' records.
const SERVICES: &str = "services";
/// In that folder, beside a folder for each service.
const OF_ALL_SERVICES: [&str; 6] = [
    "services.json",
    "services.json.new",
    "supervisor.json",
    "supervisor.json.new",
    "status.json",
    "status.json.new",
];
/// In the folder of a service.
const OF_A_SERVICE: [&str; 4] = ["record.json", "record.json.new", "identity", "mark"];

/// Returns whether netmon writes a file or folder of this name, relative to a lab's folder.
#[must_use]
pub fn is_netmons(path: &Path) -> bool {
    let names: Option<Vec<&str>> = path.components().map(plain).collect();
    match names.as_deref() {
        Some([file]) => FILES.contains(file) || *file == SERVICES,
        Some([SERVICES, name]) => OF_ALL_SERVICES.contains(name) || is_of_a_service(name),
        Some([SERVICES, service, file]) => is_of_a_service(service) && OF_A_SERVICE.contains(file),
        _ => false,
    }
}

/// Returns whether netmon writes a file or folder of this name into the folder of a service.
#[must_use]
pub fn is_of_a_record(path: &Path) -> bool {
    path.to_str().is_some_and(|name| OF_A_SERVICE.contains(&name))
}

fn plain(component: Component<'_>) -> Option<&str> {
    match component {
        Component::Normal(name) => name.to_str(),
        _ => None,
    }
}

/// Folders of services are called `N-NAME`.
fn is_of_a_service(name: &str) -> bool {
    name.split_once('-').is_some_and(|(index, _)| index.parse::<usize>().is_ok())
}

/// Returns whether something of netmon's is in the folder of `lab`.
#[must_use]
pub fn is_labs(lab: &LabName) -> bool {
    let folder = state::directory(lab);
    let is_file = |name: &&str| fs::symlink_metadata(folder.join(name)).is_ok_and(|there| !there.is_dir());
    FILES.iter().any(is_file) || has_records(lab)
}

/// Returns whether services of `lab` are recorded.
pub(super) fn has_records(lab: &LabName) -> bool {
    let entries = fs::read_dir(state::directory(lab).join(SERVICES)).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| Path::new(SERVICES).join(entry.file_name()));
    names.any(|name| is_netmons(&name))
}

/// Removes what netmon wrote into the folder of `lab`, and the folder if nothing else is in it. Returns what was kept.
///
/// # Errors
///
/// The kernel's answer, other than that something is in the way.
pub fn remove(lab: &LabName) -> io::Result<Vec<PathBuf>> {
    owned_files::remove_known(&state::directory(lab), &is_netmons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_netmon_writes_is_known_and_no_other() {
        for path in
            ["state.json", "lock", "services", "services/status.json.new", "services/12-a-b/record.json"]
        {
            assert!(is_netmons(Path::new(path)), "{path}");
        }
        for path in [
            "",
            "notes.txt",
            "view",
            "../direct/lock",
            "/state.json",
            "deep/lock",
            "services/notes",
            "services/x-y",
            "services/x-y/record.json",
            "services/0-x/notes",
            "services/0-x/mark/lock",
        ] {
            assert!(!is_netmons(Path::new(path)), "{path}");
        }
    }
}
