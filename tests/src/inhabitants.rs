//! Processes that a test leaves behind in its sandbox: services and their supervisors, agents, servers of its own.
//!
//! What a lab is made of goes with the sandbox's namespaces. A process does not: it keeps them, and its cgroup.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, Instant},
};

use netmon::services::stop_recorded;
use netmon_model::names::LabName;
use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::eventually::pause;

/// A process that is killed ends at once, unless it is in the middle of a system call.
const PATIENCE: Duration = Duration::from_secs(5);

/// The device of the /run that the calling thread sees. Every sandbox has one of its own, so that whoever sees the same is
/// inside.
pub(crate) fn run_device() -> Option<u64> {
    device_of_run(Path::new("/"))
}

fn device_of_run(root: &Path) -> Option<u64> {
    fs::metadata(root.join("run")).ok().map(|run| run.dev())
}

/// Ends all that see the `run` of the sandbox, from a thread inside. That somebody stays is told, and is no failure of the
/// test.
pub(crate) fn end(run: u64) {
    for state in fs::read_dir("/run/netmon").into_iter().flatten().flatten() {
        let lab: Option<LabName> = state.file_name().to_str().and_then(|name| name.parse().ok());
        for error in lab.iter().flat_map(|lab| stop_recorded(lab, &state.path())) {
            eprintln!("left in the sandbox: {error}");
        }
    }
    let begun = Instant::now();
    loop {
        let left = inside(run);
        if left.is_empty() {
            return;
        }
        if begun.elapsed() > PATIENCE {
            eprintln!("left in the sandbox: processes {left:?}");
            return;
        }
        for pid in left {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
        pause();
    }
}

/// The processes inside. The test's own is not: only this thread of it is.
fn inside(run: u64) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let inside = processes.filter(|process| device_of_run(&process.path().join("root")) == Some(run));
    // /proc has folders that are no processes.
    let pids = inside.filter_map(|process| process.file_name().to_str()?.parse().ok());
    pids.filter_map(Pid::from_raw).filter(|pid| *pid != getpid()).collect()
}
