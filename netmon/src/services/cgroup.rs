//! A cgroup v2 of its own for each service: nothing in it escapes, however it daemonises.
//!
//! No controller is switched on; the group only says who belongs to the service. Hosts without a writable
//! cgroup v2 hierarchy go without (see `members`).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    time::Instant,
};

use netmon_kernel::proc::{Mount, Process};
use rustix::event::{PollFd, PollFlags, poll};

use super::wait::left_until;

/// Returns where the cgroup v2 hierarchy is mounted: `/sys/fs/cgroup`, or beside the old ones (hybrid).
pub(crate) fn hierarchy() -> Option<PathBuf> {
    let mounts = Process::CurrentThread.mounts().ok()?;
    let mut roots = mounts.iter().filter(|mount| mount.file_system == b"cgroup2").filter_map(Mount::point);
    roots.find(|root| root.join("cgroup.procs").exists())
}

/// Makes the group, and opens the file through which a process joins it.
pub(crate) fn create(group: &Path) -> io::Result<File> {
    // A lab that ends at this moment may remove an empty folder above: then it is made again.
    let made = (0..10).map(|_| fs::create_dir_all(group)).find(|made| !is_not_found(made));
    made.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))?;
    OpenOptions::new().write(true).open(group.join("cgroup.procs"))
}

fn is_not_found<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Every process of the group and of the groups below it.
pub(crate) fn pids(group: &Path) -> Vec<u32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    pids.extend(children(group).iter().flat_map(|child| self::pids(child)));
    // 0 stands for a process that this pid namespace cannot see.
    pids.retain(|&pid| pid != 0);
    pids
}

/// Kills everything in the group at once, where the kernel can (Linux 5.14).
pub(crate) fn kill(group: &Path) -> bool {
    fs::write(group.join("cgroup.kill"), b"1").is_ok()
}

/// Removes an empty group, what the service made below it, and the folders above that are empty by then.
/// A process that has just ended may still be counted: this waits for it, but not beyond `deadline`.
pub(crate) fn remove(group: &Path, deadline: Instant) -> io::Result<()> {
    wait_until_empty(group, deadline)?;
    for child in children(group) {
        remove(&child, deadline)?;
    }
    let removed = fs::remove_dir(group);
    if !is_not_found(&removed) {
        removed?;
    }
    // netmon/LAB and netmon: another lab or service may be in there, and then they stay.
    for folder in group.ancestors().skip(1).take(2) {
        if fs::remove_dir(folder).is_err() {
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
        // The kernel raises POLLPRI when the file has changed since it was read through this descriptor.
        let _ = poll(&mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)], Some(&left));
    }
}

fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    let entries = entries.filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect()
}
