//! Which processes belong to a recorded service, and to nobody else.
//!
//! With a cgroup the kernel answers. Without one, a service is: its recorded first process, by pid and start
//! time; every process that carries the service's mark in its mountinfo; every process in a mount namespace
//! that one of these shows to be the service's own; and all their descendants. So a worker that was
//! re-parented to init, left its session and cleared its environment is still found.

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
};

use netmon_kernel::proc::{Process, ProcessId, Stat, pids};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{
    cgroup,
    record::{Leader, Record},
    wait::has_ended,
};

/// A living process that is certainly the service's: the descriptor cannot come to mean another one.
pub(crate) struct Member {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
}

/// The service's living processes.
pub(crate) fn members(record: &Record) -> Vec<Member> {
    let leader = record.leader();
    match record.cgroup.as_deref().filter(|group| group.exists()) {
        Some(group) => {
            let grouped = hold(&cgroup::pids(group));
            // Between the look and the open a pid may have changed hands. Whoever is still in the group, and
            // whose descriptor has not ended by then, was the one that was opened.
            let still = cgroup::pids(group);
            let grouped = grouped.into_iter().filter(|m| still.contains(&m.pid) && !has_ended(&m.pidfd));
            let recorded = leader.map(|leader| leader.identity).filter(|leader| !still.contains(&leader.pid));
            grouped.chain(hold_known(recorded)).collect()
        }
        None => hold_known(family(leader.as_ref(), &candidates(&record.mark))),
    }
}

fn hold(pids: &[u32]) -> Vec<Member> {
    let open = |&pid: &u32| {
        let pidfd = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
        Some(Member { pid, pidfd })
    };
    pids.iter().filter_map(open).collect()
}

/// Only once it is open is a look at /proc worth something: the descriptor does not move to another process.
fn hold_known(known: impl IntoIterator<Item = ProcessId>) -> Vec<Member> {
    let open = |identity: ProcessId| hold(&[identity.pid]).pop().filter(|_| identity.is_running());
    known.into_iter().filter_map(open).collect()
}

/// Sends a signal to each; one that has ended meanwhile is none.
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
    // Nobody whose mounts are those of the caller carries a mark; nearly everybody on a host is one of them.
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

/// The service's processes among all of the host.
fn family(leader: Option<&Leader>, all: &[Candidate]) -> HashSet<ProcessId> {
    let is_leader = |c: &Candidate| leader.is_some_and(|leader| leader.identity == c.identity);
    let in_made_namespace =
        |c: &Candidate| leader.is_some_and(|leader| leader.mount_namespace == c.mount_namespace);
    // A namespace number is reused once the namespace is gone; one that a living member holds is not. The
    // leader vouches only for the namespace that was made for it: it may have entered somebody else's.
    let own_namespaces: HashSet<&str> = all
        .iter()
        .filter(|c| c.marked || (is_leader(c) && in_made_namespace(c)))
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
    fn workers_that_init_inherited_are_found_by_the_mark_alone() {
        let all = [candidate(1, 0, "mnt:[1]", false), candidate(12, 1, "mnt:[7]", true)];
        assert_eq!(family_of(&leader(10, 10), &all), [12]);
    }

    #[test]
    fn a_worker_in_a_chroot_shows_no_mark_but_shares_the_namespace_of_the_leader() {
        let all = [candidate(10, 1, "mnt:[7]", false), candidate(12, 1, "mnt:[7]", false)];
        assert_eq!(family_of(&leader(10, 10), &all), [10, 12]);
    }

    #[test]
    fn a_stranger_under_the_leaders_pid_is_nobody_and_vouches_for_nobody() {
        let all = [candidate(10, 1, "mnt:[7]", false), candidate(12, 10, "mnt:[7]", false)];
        assert_eq!(family_of(&leader(10, 9), &all), [] as [u32; 0]);
    }

    #[test]
    fn a_leader_that_entered_the_hosts_mounts_does_not_make_the_host_its_family() {
        let all = [
            candidate(1, 0, "mnt:[1]", false),
            candidate(5, 1, "mnt:[1]", false),
            candidate(10, 1, "mnt:[1]", false),
            candidate(11, 10, "mnt:[1]", false),
        ];
        assert_eq!(family_of(&leader(10, 10), &all), [10, 11]);
    }

    #[test]
    fn descendants_in_a_container_of_their_own_are_found_by_descent() {
        let all = [
            candidate(13, 12, "mnt:[9]", false),
            candidate(12, 10, "mnt:[8]", false),
            candidate(10, 1, "mnt:[7]", true),
        ];
        assert_eq!(family_of(&leader(10, 10), &all), [10, 12, 13]);
    }
}
