//! Stops services: SIGTERM first, then SIGKILL, within about a second in total.
//!
//! The same code stops the services of this process and those that a killed agent left behind, since both are found by
//! their records. It blocks, so it must be called outside the asynchronous runtime.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use netmon_model::names::LabName;
use rustix::process::Signal;
use thiserror::Error;

use super::{
    cgroup, detached,
    members::{Member, Traces, marked_members, members, signal},
    record::{Record, services_dir},
    status,
    wait::until_exited,
};

/// The time from SIGTERM to SIGKILL that all services of a lab share.
const GRACE: Duration = Duration::from_millis(500);
/// How long the kernel may take to carry out a SIGKILL. It takes milliseconds, but on an overloaded host waiting is better
/// than leaving something behind.
const AFTER_KILL: Duration = Duration::from_secs(3);

/// How long a cgroup may take to become empty before its processes are listed again.
const LATE_COMERS: Duration = Duration::from_millis(200);

/// Something of a service could not be stopped or removed.
#[derive(Debug, Error)]
pub enum StopError {
    /// The state directory could not be read, so it is unknown what is running.
    #[error("cannot read the services of lab {lab} in {path}")]
    State {
        /// The lab.
        lab: LabName,
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Processes did not exit in time after a SIGKILL.
    #[error("service {service}: still running after SIGKILL: {}", list(.pids))]
    StillRunning {
        /// The service.
        service: String,
        /// Its processes.
        pids: Vec<u32>,
    },
    /// The service's cgroup or record could not be removed.
    #[error("service {service}: cannot remove {path}")]
    Remove {
        /// The service.
        service: String,
        /// The cgroup or record.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(|pid| format!("process {pid}")).collect::<Vec<_>>().join(", ")
}

/// Stops all recorded services of a lab: a detached supervisor, which stops its services itself, and those that a killed
/// agent left. Other processes are not touched. Blocks for about a second, or longer if the kernel is slow to carry out a
/// SIGKILL.
pub fn stop_recorded(lab: &LabName, state_dir: &Path) -> Vec<StopError> {
    detached::stop(state_dir);
    let records = match Record::read_all(lab, state_dir) {
        Ok(records) => records,
        Err(source) => {
            return vec![StopError::State { lab: lab.clone(), path: services_dir(state_dir), source }];
        }
    };
    let mut shutdown = Shutdown::new(records.len());
    for record in records.iter().rev() {
        shutdown.terminate(record);
    }
    let failed = shutdown.finish(&records);
    status::remove(state_dir);
    failed
}

/// The shutdown of several services, which share its time.
pub(crate) struct Shutdown {
    deadline: Instant,
    share: Duration,
}

impl Shutdown {
    pub(crate) fn new(services: usize) -> Self {
        let share = GRACE / u32::try_from(services.max(1)).unwrap_or(u32::MAX);
        Self { deadline: Instant::now() + GRACE, share }
    }

    /// Sends SIGTERM to a service, and waits for it for its share of the time.
    pub(crate) fn terminate(&mut self, record: &Record) {
        let processes = members(record);
        signal(&processes, Signal::TERM);
        // A suspended process would not handle the signal.
        signal(&processes, Signal::CONT);
        until_exited(&pidfds(processes), self.deadline.min(Instant::now() + self.share));
    }

    /// Waits for all services until the time is up, kills what is left, and removes their cgroups and records.
    pub(crate) fn finish(self, records: &[Record]) -> Vec<StopError> {
        for record in records {
            until_exited(&pidfds(members(record)), self.deadline);
        }
        let deadline = Instant::now() + AFTER_KILL;
        let ended = records.iter().rev().map(|record| (record, end_group(record, deadline)));
        // Collected, since the processes that are left are listed once, after all groups have ended.
        let ended: Vec<_> = ended.collect();
        let traces = Traces::read();
        let finish = |(record, ended): (&Record, Result<(), StopError>)| {
            ended.and_then(|()| remove(record, &traces, deadline)).err()
        };
        ended.into_iter().filter_map(finish).collect()
    }
}

/// Stops what the first process of a service left behind when it exited. The record stays for the next start. Returns how
/// many processes there were.
pub(crate) fn clear_leftovers(record: &Record) -> Result<usize, StopError> {
    let left: Vec<u32> = members(record).iter().map(|member| member.pid).collect();
    if !left.is_empty() {
        Shutdown::new(1).terminate(record);
        kill_all(record, members, Instant::now() + AFTER_KILL)?;
    }
    Ok(left.len())
}

impl StopError {
    fn remove(record: &Record, path: &Path, source: io::Error) -> Self {
        Self::Remove { service: record.service.clone(), path: path.to_owned(), source }
    }
}

/// Ends what is in the service's cgroup, and removes that.
fn end_group(record: &Record, deadline: Instant) -> Result<(), StopError> {
    loop {
        kill_all(record, members, deadline)?;
        let Some(group) = &record.cgroup else { return Ok(()) };
        match cgroup::remove(group, deadline.min(Instant::now() + LATE_COMERS)) {
            // A process that was being started when its agent was killed joins the group late. It is killed as well.
            Err(busy) if busy.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {}
            removed => return removed.map_err(|source| StopError::remove(record, group, source)),
        }
    }
}

/// Ends processes that have left the service's cgroup, and removes the record.
fn remove(record: &Record, traces: &Traces, deadline: Instant) -> Result<(), StopError> {
    if traces.may_have(record) {
        kill_all(record, marked_members, deadline)?;
    }
    record.remove().map_err(|source| StopError::remove(record, &record.dir, source))
}

/// Sends SIGKILL until `find` finds no process: one may start another while they are listed.
fn kill_all(
    record: &Record,
    find: impl Fn(&Record) -> Vec<Member>,
    deadline: Instant,
) -> Result<(), StopError> {
    loop {
        let left = find(record);
        if left.is_empty() {
            return Ok(());
        }
        let pids: HashSet<u32> = left.iter().map(|member| member.pid).collect();
        if let Some(group) = &record.cgroup {
            cgroup::kill(group);
        }
        signal(&left, Signal::KILL);
        if !until_exited(&pidfds(left), deadline) {
            let mut pids: Vec<u32> = pids.into_iter().collect();
            pids.sort_unstable();
            return Err(StopError::StillRunning { service: record.service.clone(), pids });
        }
    }
}

fn pidfds(members: Vec<Member>) -> Vec<std::os::fd::OwnedFd> {
    members.into_iter().map(|member| member.pidfd).collect()
}
