//! A cgroup v2 for each service, in which its processes stay, however they daemonise.
//!
//! It identifies the processes of the service. Controllers are enabled only for a service with limits, and only below
//! netmon's own group, where the host has them. A process with the right to do so
//! can move to another group (systemd does, on behalf of a login). Such a process, and every process where there is no
//! writable cgroup v2 hierarchy, is identified by other means (see `members`).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    time::Instant,
};

use netmon_kernel::proc::{Mount, Process};
use netmon_model::lab::ServiceLimits;
use rustix::event::{PollFd, PollFlags, poll};

use super::wait::left_until;

/// Returns where the cgroup v2 hierarchy is mounted: `/sys/fs/cgroup`, or beside the old ones (hybrid).
pub(crate) fn hierarchy() -> Option<PathBuf> {
    let mounts = Process::CurrentThread.mounts().ok()?;
    let mut roots = mounts.iter().filter(|mount| mount.file_system == b"cgroup2").filter_map(Mount::point);
    roots.find(|root| root.join("cgroup.procs").exists())
}

/// Creates the group, and opens the file through which a process joins it.
pub(crate) fn create(group: &Path) -> io::Result<File> {
    // A lab that is removed at this moment may remove an empty directory above. Then all are created again.
    let created = (0..10).map(|_| fs::create_dir_all(group)).find(|created| !is_not_found(created));
    created.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))?;
    OpenOptions::new().write(true).open(group.join("cgroup.procs"))
}

/// Limits what the processes of a group take together. Returns what cannot be limited on this host.
pub(crate) fn limit(group: Option<&Path>, limits: &ServiceLimits) -> Vec<&'static str> {
    let wanted = [("memory", "memory.max", limits.memory_bytes), ("pids", "pids.max", limits.processes)];
    let set = |(controller, file, amount): (_, _, Option<u64>)| {
        let amount = amount?.to_string();
        let is_set = group.is_some_and(|group| {
            enable(group, controller).and_then(|()| fs::write(group.join(file), amount)).is_ok()
        });
        (!is_set).then_some(if controller == "pids" { "the number of processes" } else { controller })
    };
    wanted.into_iter().filter_map(set).collect()
}

/// Enables a controller for a service's group, in those of netmon and of the lab. The host's own is not changed.
fn enable(group: &Path, controller: &str) -> io::Result<()> {
    let above: Vec<&Path> = group.ancestors().skip(1).take(2).collect();
    above.iter().rev().try_for_each(|directory| {
        fs::write(directory.join("cgroup.subtree_control"), format!("+{controller}"))
    })
}

fn is_not_found<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Returns every process of the group and of the groups below it.
pub(crate) fn pids(group: &Path) -> Vec<u32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    pids.extend(children(group).iter().flat_map(|child| self::pids(child)));
    // 0 stands for a process that this pid namespace cannot see.
    pids.retain(|&pid| pid != 0);
    pids
}

/// Kills all processes of the group at once. Returns whether the kernel can (Linux 5.14).
pub(crate) fn kill(group: &Path) -> bool {
    fs::write(group.join("cgroup.kill"), b"1").is_ok()
}

/// Removes an empty group, the groups that the service created below it, and the directories above that are empty then.
///
/// A process that has just exited may still be counted. This waits for it, at most until `deadline`.
pub(crate) fn remove(group: &Path, deadline: Instant) -> io::Result<()> {
    wait_until_empty(group, deadline)?;
    for child in children(group) {
        remove(&child, deadline)?;
    }
    let removed = fs::remove_dir(group);
    if !is_not_found(&removed) {
        removed?;
    }
    // netmon/LAB and netmon stay if another lab or service has a group in them.
    for directory in group.ancestors().skip(1).take(2) {
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
    Ok(())
}

fn wait_until_empty(group: &Path, deadline: Instant) -> io::Result<()> {
    let mut events = match File::open(group.join("cgroup.events")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        events => events?,
    };
    loop {
        let mut text = String::new();
        events.rewind()?;
        events.read_to_string(&mut text)?;
        let populated = text.lines().any(|line| line == "populated 1");
        let Some(left) = left_until(deadline).filter(|_| populated) else { return Ok(()) };
        // The kernel raises POLLPRI if the file has changed since it was read through this descriptor.
        let _ = poll(&mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)], Some(&left));
    }
}

fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    let entries = entries.filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect()
}
