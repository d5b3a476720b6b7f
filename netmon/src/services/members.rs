//! Which processes belong to a recorded service, and to no other.
//!
//! With a cgroup the kernel knows those in it. Without one, and for those that moved to another one, they are the recorded first process, by PID and start time; every
//! process with the service's mark in its mountinfo; every process in a mount namespace that one of these shows to be the
//! service's own; and all their descendants. So a worker that was re-parented to init, left its session and cleared its
//! environment is still found.

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
};

use netmon_kernel::proc::{Process, ProcessId, Stat, pids};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{
    cgroup,
    record::{Leader, MARK, Record},
    wait::has_exited,
};

/// A process of the service. The descriptor cannot come to refer to another one.
pub(crate) struct Member {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
}

/// Returns the service's processes.
pub(crate) fn members(record: &Record) -> Vec<Member> {
    let leader = record.leader();
    match record.cgroup.as_deref().filter(|group| group.exists()) {
        Some(group) => {
            let grouped = hold(&cgroup::pids(group));
            // A PID may have been reused between the listing and the open. A process that is still in the group, and whose
            // descriptor still refers to a running process, is the one that was listed.
            let still = cgroup::pids(group);
            let grouped = grouped.into_iter().filter(|m| still.contains(&m.pid) && !has_exited(&m.pidfd));
            let recorded = leader.map(|leader| leader.identity).filter(|leader| !still.contains(&leader.pid));
            grouped.chain(hold_known(recorded)).collect()
        }
        None => marked_members(record),
    }
}

/// Returns the service's processes, in its cgroup or not. Reads much more than [`members`].
pub(crate) fn marked_members(record: &Record) -> Vec<Member> {
    hold_known(family(record.leader().as_ref(), &candidates(&record.mark)))
}

/// What processes of this host show of services, read once for many services.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// The sources of their mounts that may be marks.
    marks: HashSet<Vec<u8>>,
    mount_namespaces: HashSet<String>,
}

impl Traces {
    pub(crate) fn read() -> Self {
        let own = Process::CurrentThread.mount_namespace().ok();
        let mut traces = Self::default();
        for pid in pids().unwrap_or_default() {
            let process = Process::Pid(pid);
            let Ok(namespace) = process.mount_namespace() else { continue };
            // Processes that share a mount namespace have the same mounts, unless they changed their root.
            if Some(&namespace) == own.as_ref() {
                continue;
            }
            if let Ok(mounts) = process.mounts() {
                let marks = mounts.iter().filter(|mount| mount.source.starts_with(MARK.as_bytes()));
                traces.marks.extend(marks.map(|mount| mount.source.to_vec()));
            }
            traces.mount_namespaces.insert(namespace);
        }
        traces
    }

    /// Returns whether processes of this service may be left. If not, none is.
    pub(crate) fn may_have(&self, record: &Record) -> bool {
        let in_namespace = |leader: Leader| self.mount_namespaces.contains(&leader.mount_namespace);
        self.marks.contains(record.mark.as_bytes()) || record.leader().is_some_and(in_namespace)
    }
}

fn hold(pids: &[u32]) -> Vec<Member> {
    let open = |&pid: &u32| {
        let pidfd = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
        Some(Member { pid, pidfd })
    };
    pids.iter().filter_map(open).collect()
}

/// Opens processes, and checks their identity after that: a PID can be reused, but a descriptor stays with its process.
fn hold_known(known: impl IntoIterator<Item = ProcessId>) -> Vec<Member> {
    let open = |identity: ProcessId| hold(&[identity.pid]).pop().filter(|_| identity.is_running());
    known.into_iter().filter_map(open).collect()
}

/// Sends a signal to each process that has not exited meanwhile.
pub(crate) fn signal(members: &[Member], signal: Signal) {
    for member in members {
        let _ = pidfd_send_signal(&member.pidfd, signal);
    }
}

/// A process that might belong to a service.
#[derive(Clone, Debug)]
struct Candidate {
    identity: ProcessId,
    parent: u32,
    mount_namespace: String,
    marked: bool,
}

fn candidates(mark: &str) -> Vec<Candidate> {
    // A process in the caller's mount namespace has no mark, and on most hosts nearly all processes are in it.
    let own = Process::CurrentThread.mount_namespace().ok();
    let candidate = |pid: u32| {
        let process = Process::Pid(pid);
        let mount_namespace = process.mount_namespace().ok()?;
        let stat = Stat::read(process).ok().filter(|stat| !stat.has_exited())?;
        let marked = Some(&mount_namespace) != own.as_ref() && is_marked(process, mark);
        Some(Candidate { identity: stat.id, parent: stat.parent, mount_namespace, marked })
    };
    pids().unwrap_or_default().into_iter().filter_map(candidate).collect()
}

fn is_marked(process: Process, mark: &str) -> bool {
    process.mounts().is_ok_and(|mounts| mounts.iter().any(|mount| mount.source == mark.as_bytes()))
}

/// Selects the service's processes among all of the host.
fn family(leader: Option<&Leader>, all: &[Candidate]) -> HashSet<ProcessId> {
    let is_leader = |c: &Candidate| leader.is_some_and(|leader| leader.identity == c.identity);
    let in_recorded_namespace =
        |c: &Candidate| leader.is_some_and(|leader| leader.mount_namespace == c.mount_namespace);
    // The number of a namespace is reused once it is destroyed, but not while a member is in it. The leader counts only
    // while it is in the namespace that was created for it: it may have entered another one.
    let own_namespaces: HashSet<&str> = all
        .iter()
        .filter(|c| c.marked || (is_leader(c) && in_recorded_namespace(c)))
        .map(|c| c.mount_namespace.as_str())
        .collect();
    let is_own = |c: &Candidate| is_leader(c) || own_namespaces.contains(c.mount_namespace.as_str());
    let mut family: HashMap<u32, ProcessId> =
        all.iter().filter(|c| is_own(c)).map(|c| (c.identity.pid, c.identity)).collect();
    loop {
        let before = family.len();
        for c in all {
            if family.contains_key(&c.parent) {
                family.insert(c.identity.pid, c.identity);
            }
        }
        if family.len() == before {
            return family.into_values().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(pid: u32, parent: u32, mount_namespace: &str, marked: bool) -> Candidate {
        let identity = ProcessId { pid, start_ticks: u64::from(pid) };
        Candidate { identity, parent, mount_namespace: mount_namespace.to_owned(), marked }
    }

    fn leader(pid: u32, start_ticks: u64) -> Leader {
        Leader { identity: ProcessId { pid, start_ticks }, mount_namespace: "mnt:[7]".to_owned() }
    }

    fn family_of(leader: &Leader, all: &[Candidate]) -> Vec<u32> {
        let mut pids: Vec<u32> = family(Some(leader), all).iter().map(|identity| identity.pid).collect();
        pids.sort_unstable();
        pids
    }

    #[test]
    fn workers_that_were_re_parented_to_init_are_found_by_the_mark_alone() {
        let all = [candidate(1, 0, "mnt:[1]", false), candidate(12, 1, "mnt:[7]", true)];
        assert_eq!(family_of(&leader(10, 10), &all), [12]);
    }

    #[test]
    fn a_worker_in_a_chroot_shows_no_mark_but_shares_the_namespace_of_the_leader() {
        let all = [candidate(10, 1, "mnt:[7]", false), candidate(12, 1, "mnt:[7]", false)];
        assert_eq!(family_of(&leader(10, 10), &all), [10, 12]);
    }

    #[test]
    fn another_process_with_the_leaders_pid_is_not_a_member_and_adds_none() {
        let all = [candidate(10, 1, "mnt:[7]", false), candidate(12, 10, "mnt:[7]", false)];
        assert_eq!(family_of(&leader(10, 9), &all), [] as [u32; 0]);
    }

    #[test]
    fn a_leader_in_the_hosts_mount_namespace_adds_only_its_descendants() {
        let all = [
            candidate(1, 0, "mnt:[1]", false),
            candidate(5, 1, "mnt:[1]", false),
            candidate(10, 1, "mnt:[1]", false),
            candidate(11, 10, "mnt:[1]", false),
        ];
        assert_eq!(family_of(&leader(10, 10), &all), [10, 11]);
    }

    #[test]
    fn descendants_in_containers_of_their_own_are_found() {
        let all = [
            candidate(13, 12, "mnt:[9]", false),
            candidate(12, 10, "mnt:[8]", false),
            candidate(10, 1, "mnt:[7]", true),
        ];
        assert_eq!(family_of(&leader(10, 10), &all), [10, 12, 13]);
    }
}
