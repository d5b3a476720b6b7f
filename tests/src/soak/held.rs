//! What a process of netmon holds, and what lies on the host for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use netmon::services::cgroup_hierarchy;
use netmon_kernel::sys::bpf::ObjectKind;
use rustix::process::Pid;

use super::LAB;
use crate::bpf_objects::held_by;

/// What an allocator may retain.
const SLACK_KIB: usize = 4096;

/// Everything that grows when something leaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Resident memory.
    pub memory_kib: usize,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// eBPF programs.
    pub programs: usize,
    /// eBPF maps and links.
    pub maps_and_links: usize,
    /// Entries in bpf file systems.
    pub pins: usize,
    /// cgroups of the lab's services.
    pub cgroups: usize,
}

impl Held {
    /// Counts what a process holds.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[must_use]
    pub fn by(pid: Pid) -> Self {
        let process = format!("/proc/{}", pid.as_raw_nonzero());
        let objects = held_by(pid);
        let programs = objects.iter().filter(|(kind, _)| *kind == ObjectKind::Program).count();
        let status = fs::read_to_string(format!("{process}/status")).expect("a process that runs");
        Self {
            memory_kib: resident_kib(&status).expect("a process with memory"),
            descriptors: entries(Path::new(&process).join("fd")),
            threads: entries(Path::new(&process).join("task")),
            programs,
            maps_and_links: objects.len() - programs,
            pins: entries("/sys/fs/bpf/netmon"),
            cgroups: groups(LAB).len(),
        }
    }

    /// Returns whether it is no more than there was, but for memory that the allocator keeps.
    #[must_use]
    pub fn is_within(&self, most: &Self) -> bool {
        let values = |held: &Self| {
            let &Self { memory_kib, descriptors, threads, programs, maps_and_links, pins, cgroups } = held;
            [memory_kib, descriptors, threads, programs, maps_and_links, pins, cgroups]
        };
        let allowed = Self { memory_kib: most.memory_kib + SLACK_KIB, ..*most };
        values(self).into_iter().zip(values(&allowed)).all(|(now, most)| now <= most)
    }
}

/// Returns the cgroups of a lab's services. They lie outside the sandbox, so each part has a lab of another name.
#[must_use]
pub(super) fn groups(lab: &str) -> Vec<PathBuf> {
    let folder = cgroup_hierarchy().map(|root| root.join("netmon").join(lab));
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut groups: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    groups.sort();
    groups
}

fn resident_kib(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Returns how many entries a folder has; none if it does not exist.
fn entries(folder: impl AsRef<Path>) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_may_grow_by_the_slack_and_nothing_else_at_all() {
        let warm = Held { memory_kib: 9000, descriptors: 20, programs: 5, ..Held::default() };
        assert!(Held { memory_kib: 9000 + SLACK_KIB, descriptors: 18, ..warm }.is_within(&warm));
        assert!(!Held { memory_kib: 9001 + SLACK_KIB, ..warm }.is_within(&warm));
        for more in
            [Held { descriptors: 21, ..warm }, Held { programs: 6, ..warm }, Held { cgroups: 1, ..warm }]
        {
            assert!(!more.is_within(&warm), "{more:?}");
        }
    }

    #[test]
    fn resident_memory_is_read_in_kib() {
        assert_eq!(resident_kib("VmPeak:\t 9 kB\nVmRSS:\t   8123 kB\n"), Some(8123));
        assert_eq!(resident_kib("State:\tZ (zombie)\n"), None);
    }
}
