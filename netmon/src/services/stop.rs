//! Ending services: politely first, for certain afterwards, and within a second altogether.
//!
//! The same code ends what this process supervises and what a dead agent left behind, since both are found
//! by their records. It blocks; call it outside the async runtime.

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
    members::{Member, members, signal},
    record::{Record, services_dir},
    status,
    wait::until_ended,
};

/// How long all services of a lab together have, from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_millis(500);
/// How long the kernel may take to carry out a SIGKILL. It takes milliseconds; on a host that is busy beyond
/// measure, waiting is still better than leaving something behind.
const AFTER_KILL: Duration = Duration::from_secs(3);

/// How long a cgroup may take to be empty before it is looked at who is in it.
const LATE_COMERS: Duration = Duration::from_millis(200);

/// Something of a service that could not be ended or removed.
#[derive(Debug, Error)]
pub enum StopError {
    /// The state folder could not be read, so nobody knows what there is to end.
    #[error("cannot read the services of lab {lab} in {path}")]
    State {
        /// The lab.
        lab: LabName,
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Processes that a SIGKILL did not end in time.
    #[error("service {service}: still running after SIGKILL: {}", list(.pids))]
    StillRunning {
        /// The service.
        service: String,
        /// Its processes.
        pids: Vec<u32>,
    },
    /// The service's cgroup or record stayed behind.
    #[error("service {service}: cannot remove {path}")]
    Remove {
        /// The service.
        service: String,
        /// What stayed.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(|pid| format!("process {pid}")).collect::<Vec<_>>().join(", ")
}

/// Ends all that is recorded of a lab's services, whoever started them: a detached supervisor, which is asked
/// to end its services itself, and what a dead agent left. Processes that are not recorded are not touched.
/// Blocks for at most about a second.
pub fn stop_recorded(lab: &LabName, state_dir: &Path) -> Vec<StopError> {
    detached::end(state_dir);
    let records = match Record::read_all(state_dir) {
        Ok(records) => records,
        Err(source) => {
            return vec![StopError::State { lab: lab.clone(), path: services_dir(state_dir), source }];
        }
    };
    let mut ending = Ending::new(records.len());
    for record in records.iter().rev() {
        ending.ask(record);
    }
    let failed = ending.finish(&records);
    status::remove(state_dir);
    failed
}

/// One teardown: the time that all its services share.
pub(crate) struct Ending {
    deadline: Instant,
    share: Duration,
}

impl Ending {
    pub(crate) fn new(services: usize) -> Self {
        let share = GRACE / u32::try_from(services.max(1)).unwrap_or(u32::MAX);
        Self { deadline: Instant::now() + GRACE, share }
    }

    /// Asks a service to end, and gives it its share of the time before the next one is asked.
    pub(crate) fn ask(&mut self, record: &Record) {
        let asked = members(record);
        signal(&asked, Signal::TERM);
        // A stopped process would not see the request.
        signal(&asked, Signal::CONT);
        until_ended(&pidfds(asked), self.deadline.min(Instant::now() + self.share));
    }

    /// Waits for all of them until the time is up, ends by force what is left, and removes what they had.
    pub(crate) fn finish(self, records: &[Record]) -> Vec<StopError> {
        for record in records {
            until_ended(&pidfds(members(record)), self.deadline);
        }
        let deadline = Instant::now() + AFTER_KILL;
        records.iter().rev().filter_map(|record| end(record, deadline).err()).collect()
    }
}

/// What the first process of a service left behind when it ended: asked, then ended by force. The record
/// stays for the next start. Says how many processes there were.
pub(crate) fn clear_leftovers(record: &Record) -> Result<usize, StopError> {
    let left: Vec<u32> = members(record).iter().map(|member| member.pid).collect();
    if !left.is_empty() {
        Ending::new(1).ask(record);
        kill_all(record, Instant::now() + AFTER_KILL)?;
    }
    Ok(left.len())
}

fn end(record: &Record, deadline: Instant) -> Result<(), StopError> {
    let failed = |path: &Path| {
        let (service, path) = (record.service.clone(), path.to_owned());
        move |source| StopError::Remove { service, path, source }
    };
    loop {
        kill_all(record, deadline)?;
        let Some(group) = &record.cgroup else { break };
        match cgroup::remove(group, deadline.min(Instant::now() + LATE_COMERS)) {
            // A process that was being started when its agent was killed comes into it late, and is killed as well.
            Err(busy) if busy.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {}
            removed => {
                removed.map_err(failed(group))?;
                break;
            }
        }
    }
    record.remove().map_err(failed(&record.dir))
}

/// SIGKILL until nothing is left: a process may start another one while it is being looked for.
fn kill_all(record: &Record, deadline: Instant) -> Result<(), StopError> {
    loop {
        let left = members(record);
        if left.is_empty() {
            return Ok(());
        }
        let pids: HashSet<u32> = left.iter().map(|member| member.pid).collect();
        if let Some(group) = &record.cgroup {
            cgroup::kill(group);
        }
        signal(&left, Signal::KILL);
        if !until_ended(&pidfds(left), deadline) {
            let mut pids: Vec<u32> = pids.into_iter().collect();
            pids.sort_unstable();
            return Err(StopError::StillRunning { service: record.service.clone(), pids });
        }
    }
}

fn pidfds(members: Vec<Member>) -> Vec<std::os::fd::OwnedFd> {
    members.into_iter().map(|member| member.pidfd).collect()
}
