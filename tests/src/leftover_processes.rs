//! Processes that a test leaves behind in its sandbox: services and their supervisors, agents, servers of its own.
//!
//! The objects of a lab are removed with the sandbox's namespaces. A process is not: it keeps the namespaces, and its
//! cgroup.

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

/// A killed process ends at once, unless it is in a system call.
const PATIENCE: Duration = Duration::from_secs(5);

/// The device of /run as the calling thread sees it. Each sandbox has its own, so a process that sees the same one is
/// inside.
pub(crate) fn run_device() -> Option<u64> {
    device_of_run(Path::new("/"))
}

fn device_of_run(root: &Path) -> Option<u64> {
    fs::metadata(root.join("run")).ok().map(|run| run.dev())
}

/// Ends all processes that see the `run` of the sandbox; called by a thread inside. Reports those that remain, which
/// does not fail the test.
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
            // It may have ended in the meantime.
            let _ = kill_process(pid, Signal::KILL);
        }
        pause();
    }
}

/// The processes inside, without the test's own, of which only this thread is inside.
fn inside(run: u64) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let inside = processes.filter(|process| device_of_run(&process.path().join("root")) == Some(run));
    // Not every folder in /proc is a process.
    let pids = inside.filter_map(|process| process.file_name().to_str()?.parse().ok());
    pids.filter_map(Pid::from_raw).filter(|pid| *pid != getpid()).collect()
}
