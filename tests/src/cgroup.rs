//! A cgroup of the test's own, in which runtimes make those of their containers.

use std::{fs, io::ErrorKind, path::PathBuf, sync::atomic::AtomicU32, sync::atomic::Ordering};

use netmon_kernel::proc::{Mount, Process};
use rustix::process::{Pid, Signal, kill_process};

use crate::eventually::pause;

/// A process that was killed leaves its cgroup a moment later.
const LOOKS: u32 = 1000;

/// A cgroup of version 2. Dropping it ends the processes inside, and removes it with all cgroups below.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Creates one.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    #[must_use]
    pub fn create() -> Self {
        let path = unused("own");
        fs::create_dir(&path).expect("a cgroup");
        Self { path }
    }

    /// The file that a process writes its number to, to get in.
    #[must_use]
    pub fn door(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..LOOKS {
            let folders = below(self.path.clone());
            folders.iter().for_each(|folder| kill_inside(folder));
            let is_busy = |folder: &PathBuf| match fs::remove_dir(folder) {
                Err(error) => error.kind() != ErrorKind::NotFound,
                Ok(()) => false,
            };
            if !folders.iter().any(is_busy) {
                return;
            }
            pause();
        }
        eprintln!("left behind: {}", self.path.display());
    }
}

/// Returns a folder and all below it, the deepest first.
fn below(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut all: Vec<PathBuf> = folders.flat_map(|entry| below(entry.path())).collect();
    all.push(folder);
    all
}

fn kill_inside(cgroup: &std::path::Path) {
    let processes = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
        // It may have ended.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Returns a path of its own for a cgroup: tests that run at the same time may choose the same name.
pub(crate) fn unused(name: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    hierarchy().join(format!("netmon-test-{}-{name}-{number}", std::process::id()))
}

/// Where cgroups of version 2 are mounted.
fn hierarchy() -> PathBuf {
    let mounts = Process::Current.mounts().expect("/proc");
    let found = mounts.iter().find(|mount| mount.file_system == b"cgroup2").and_then(Mount::point);
    found.expect("cgroups of version 2")
}
