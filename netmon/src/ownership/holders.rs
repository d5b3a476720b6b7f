//! Finds the processes inside namespaces, which keep these alive after their names are deleted.
//!
//! netmon names these processes and never ends them.

use std::{collections::BTreeMap, fmt};

use netmon_kernel::{
    netns::{NetnsId, names},
    proc,
};
use netmon_model::{names::NsName, text::printable};

/// A process inside a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its name, as it chose it.
    pub command: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, printable(&self.command))
    }
}

/// Returns the processes inside each of `namespaces`. Namespaces without a process are left out, and so are processes that
/// exit meanwhile or that this process may not inspect.
#[must_use]
pub fn processes_inside(namespaces: &[NsName]) -> BTreeMap<NsName, Vec<Process>> {
    let wanted: BTreeMap<NetnsId, &NsName> = namespaces
        .iter()
        .filter_map(|name| Some((NetnsId::of_file(&names::path_of(name)).ok()?, name)))
        .collect();
    let mut found: BTreeMap<NsName, Vec<Process>> = BTreeMap::new();
    if wanted.is_empty() {
        return found;
    }
    for pid in proc::pids().unwrap_or_default() {
        let there = proc::Process::Pid(pid);
        if let Some(name) = there.network_namespace().ok().and_then(|identity| wanted.get(&identity)) {
            let process = Process { pid, command: there.command().unwrap_or_default() };
            found.entry((*name).clone()).or_default().push(process);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_control_the_terminal_by_its_name() {
        let process = Process { pid: 7, command: "\u{1b}[2J".to_owned() };
        assert_eq!(process.to_string(), "process 7 (\\u{1b}[2J)");
    }
}
