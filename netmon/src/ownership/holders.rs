//! Finds the processes inside namespaces, which keep these alive after their names are deleted.
//!
//! netmon names these processes and never ends them.

use std::{collections::BTreeMap, fmt, fs, os::unix::fs::MetadataExt as _};

use netmon_kernel::netns::{NetnsId, names};
use netmon_model::names::NsName;

/// A process inside a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its name, as `ps` shows it.
    pub command: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

/// Returns the processes inside each of `namespaces`. Namespaces without a process are left out, and so are processes that
/// exit meanwhile or that this process may not inspect.
#[must_use]
pub fn processes_inside(namespaces: &[NsName]) -> BTreeMap<NsName, Vec<Process>> {
    let wanted: BTreeMap<NetnsId, &NsName> =
        namespaces.iter().filter_map(|name| Some((identity(&names::path_of(name))?, name))).collect();
    let mut found: BTreeMap<NsName, Vec<Process>> = BTreeMap::new();
    if wanted.is_empty() {
        return found;
    }
    for pid in fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
    {
        let inside = identity(format!("/proc/{pid}/ns/net").as_ref());
        if let Some(name) = inside.and_then(|identity| wanted.get(&identity)) {
            let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let process = Process { pid, command: command.trim().to_owned() };
            found.entry((*name).clone()).or_default().push(process);
        }
    }
    found
}

fn identity(path: &std::path::Path) -> Option<NetnsId> {
    let metadata = fs::metadata(path).ok()?;
    Some(NetnsId { device: metadata.dev(), inode: metadata.ino() })
}
