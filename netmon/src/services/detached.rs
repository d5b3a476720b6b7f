//! Services without an agent: a supervisor in a process of its own, which outlives `netmon up`.
//!
//! It is the same program with the hidden subcommand `supervise`. It leaves the terminal's session, logs to
//! `services.log` in the lab's state folder, records itself in `services/supervisor.json`, says through its
//! standard output whether all services have started, and ends with SIGTERM, its services with it.

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use netmon_kernel::{
    owned_files::{make_private_directory, replace},
    proc::{ProcessId, boot_id},
};
use netmon_model::{error::chain, lab::Lab, names::LabName};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal, setsid},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Plan, StartError, Supervisor,
    bounded_log::{BoundedLog, MOST_BYTES, append_to},
    record::services_dir,
    status,
    wait::{left_until, until_ended},
};

/// How long all services together may take to start: a few addresses may have to become usable first. The time that
/// they may take to get ready comes on top.
const START_TIME: Duration = Duration::from_secs(30);
/// How long a supervisor may take to end its services before it is ended itself.
const STOP_TIME: Duration = Duration::from_millis(850);
/// What the supervisor says when all services have started.
const READY: &str = "ready\n";

/// Why there is no detached supervisor.
#[derive(Debug, Error)]
pub enum DetachError {
    /// The supervisor said why.
    #[error("{0}")]
    Start(String),
    /// The supervisor ended, or hung, without a word.
    #[error("the supervisor of the services did not get ready; {} may say why", .0.display())]
    Silent(PathBuf),
    /// The state folder could not be written.
    #[error("cannot keep the services' state in {path}")]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process could not be started.
    #[error("cannot start {} supervise", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Who the detached supervisor is.
#[derive(Debug, Serialize, Deserialize)]
struct SupervisorRecord {
    identity: ProcessId,
    boot_id: String,
}

/// Starts `program` (netmon itself) as the detached supervisor of the lab's services and waits until they
/// run. Returns its process id, or none for a lab without services. Blocks.
///
/// # Errors
///
/// When a service cannot be started; no supervisor is left then.
pub fn spawn_detached(program: &Path, lab: &Lab, state_dir: &Path) -> Result<Option<u32>, DetachError> {
    if lab.services.is_empty() {
        return Ok(None);
    }
    let log = prepare(&lab.into(), state_dir)
        .map_err(|source| DetachError::State { path: services_dir(state_dir), source })?;
    let mut command = Command::new(program);
    command.arg("supervise").arg("--lab").arg(lab.name.as_str()).arg("--state-dir").arg(state_dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).current_dir("/");
    if env::var_os("NETMON_LOG").is_none() {
        // What is quiet on a terminal is still wanted in a file.
        let level = log::max_level().max(log::LevelFilter::Info);
        command.env("NETMON_LOG", level.as_str().to_ascii_lowercase());
    }
    let mut child =
        command.spawn().map_err(|source| DetachError::Spawn { program: program.to_owned(), source })?;
    let time = start_time(lab);
    let said = child.stdout.take().map(|from| read_answer(from, time)).unwrap_or_default();
    if said == READY {
        return Ok(Some(child.id()));
    }
    reap(&mut child);
    Err(match said.trim_end() {
        "" => DetachError::Silent(log_file(state_dir)),
        problem => DetachError::Start(problem.to_owned()),
    })
}

fn prepare(plan: &Plan, state_dir: &Path) -> io::Result<fs::File> {
    make_private_directory(&services_dir(state_dir))?;
    replace(&plan_file(state_dir), &serde_json::to_vec_pretty(plan)?)?;
    append_to(&log_file(state_dir))
}

/// How long the services may take to start, one after the other.
fn start_time(lab: &Lab) -> Duration {
    START_TIME
        + lab.services.iter().filter_map(|service| service.ready.as_ref()).map(|ready| ready.timeout).sum()
}

/// All that the child writes until it closes its end, or until the time is up.
fn read_answer(mut from: ChildStdout, time: Duration) -> String {
    let deadline = Instant::now() + time;
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    while let Some(left) = left_until(deadline) {
        let _ = poll(&mut [PollFd::from_borrowed_fd(from.as_fd(), PollFlags::IN)], Some(&left));
        match from.read(&mut buffer) {
            Ok(length @ 1..) => said.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            _ => break,
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// A child that failed is ending; one that hangs is ended.
fn reap(child: &mut Child) {
    if let Some(pidfd) = ProcessId::find(child.id()).and_then(open) {
        let _ = pidfd_send_signal(&pidfd, Signal::TERM);
        until_ended(&[pidfd], Instant::now() + STOP_TIME);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether a detached supervisor runs with the very services of this lab. What the lab's state says may be what somebody
/// was about to do when he was killed.
#[must_use]
pub fn is_supervised(lab: &Lab, state_dir: &Path) -> bool {
    let plan = || serde_json::from_slice::<Plan>(&fs::read(plan_file(state_dir)).ok()?).ok();
    detached_supervisor(state_dir).is_some() && plan() == Some(lab.into())
}

/// The process id of the lab's detached supervisor, if one runs.
#[must_use]
pub fn detached_supervisor(state_dir: &Path) -> Option<u32> {
    running(state_dir).map(|identity| identity.pid)
}

fn running(state_dir: &Path) -> Option<ProcessId> {
    let record: SupervisorRecord = serde_json::from_slice(&fs::read(record_file(state_dir)).ok()?).ok()?;
    let this_boot = boot_id().is_ok_and(|boot_id| boot_id == record.boot_id);
    Some(record.identity).filter(|identity| this_boot && identity.is_running())
}

/// Ends the detached supervisor, if there is one and it is not the caller, and what it had in the state.
pub(crate) fn end(state_dir: &Path) {
    let supervisor = running(state_dir);
    if supervisor.is_some_and(|identity| identity.pid == std::process::id()) {
        return;
    }
    if let Some(pidfd) = supervisor.and_then(open) {
        let pidfds = [pidfd];
        for (signal, time) in [(Signal::TERM, STOP_TIME), (Signal::KILL, Duration::from_millis(100))] {
            let _ = pidfds.iter().try_for_each(|pidfd| pidfd_send_signal(pidfd, signal));
            if until_ended(&pidfds, Instant::now() + time) {
                break;
            }
        }
    }
    forget(state_dir);
}

/// A descriptor that stands for this very process.
fn open(identity: ProcessId) -> Option<OwnedFd> {
    let pidfd = pidfd_open(identity.pid()?, PidfdFlags::empty()).ok()?;
    // Only now is the look at /proc worth something: the descriptor does not move to another process.
    identity.is_running().then_some(pidfd)
}

/// The body of `netmon supervise`: runs the services of the plan in the state folder until SIGTERM or SIGINT.
///
/// # Errors
///
/// When the plan cannot be read, or a service cannot be started; both have been told on standard output.
pub fn supervise(lab: &LabName, state_dir: &Path) -> Result<(), DetachError> {
    // No session leader yet unless a person started it from a shell that made it one; then it may stay so.
    let _ = setsid();
    let log =
        redirect_log(state_dir).map_err(|source| DetachError::State { path: log_file(state_dir), source });
    let result = log.and_then(|log| {
        let result = supervise_plan(lab, state_dir);
        log.close();
        result
    });
    if let Err(error) = &result {
        tell(&chain(error));
    }
    result
}

fn supervise_plan(lab: &LabName, state_dir: &Path) -> Result<(), DetachError> {
    let state = |source| DetachError::State { path: services_dir(state_dir), source };
    let plan: Plan =
        fs::read(plan_file(state_dir)).and_then(|text| Ok(serde_json::from_slice(&text)?)).map_err(state)?;
    if plan.lab != *lab {
        return Err(DetachError::Start(format!("the plan is for lab {}, not {lab}", plan.lab)));
    }
    if let Some(pid) = detached_supervisor(state_dir) {
        return Err(DetachError::Start(StartError::Supervised { pid }.to_string()));
    }
    record_self(state_dir).map_err(state)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(state)?;
    let result = runtime.block_on(run_plan(&plan, state_dir));
    forget(state_dir);
    result
}

async fn run_plan(plan: &Plan, state_dir: &Path) -> Result<(), DetachError> {
    let state = |source| DetachError::State { path: services_dir(state_dir), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(state)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(state)?;
    let started = Supervisor::start_plan(plan, state_dir).await;
    let supervisor = started.map_err(|error| DetachError::Start(chain(&error)))?;
    tell(READY);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    for left in supervisor.stop().await {
        log::warn!("{left}");
    }
    Ok(())
}

fn record_self(state_dir: &Path) -> io::Result<()> {
    let record = SupervisorRecord { identity: ProcessId::current()?, boot_id: boot_id()? };
    replace(&record_file(state_dir), &serde_json::to_vec_pretty(&record)?)
}

/// Removes what a supervisor that has ended had in the state.
fn forget(state_dir: &Path) {
    for file in [record_file(state_dir), plan_file(state_dir)] {
        let _ = fs::remove_file(file);
    }
    status::remove(state_dir);
}

/// Answers whoever started this process, and lets go of the pipe. Said once; what follows goes nowhere.
fn tell(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
    if let Ok(null) = fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// All that this process writes to standard error goes through a pipe to a log of bounded size.
struct RedirectedLog {
    copier: std::thread::JoinHandle<()>,
    file: PathBuf,
}

fn redirect_log(state_dir: &Path) -> io::Result<RedirectedLog> {
    let file = log_file(state_dir);
    let mut log = BoundedLog::open(&file, MOST_BYTES)?;
    let (mut read, write) = io::pipe()?;
    let copy = move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = read.read(&mut buffer) {
            let _ = log.write_all(buffer.get(..length).unwrap_or_default());
        }
    };
    let copier = std::thread::Builder::new().name("netmon-log".to_owned()).spawn(copy)?;
    rustix::stdio::dup2_stderr(&write)?;
    Ok(RedirectedLog { copier, file })
}

impl RedirectedLog {
    /// Waits until the last line is in the file.
    fn close(self) {
        // With its last writer gone the pipe ends, and so does the copier.
        if append_to(&self.file).is_ok_and(|file| rustix::stdio::dup2_stderr(&file).is_ok()) {
            let _ = self.copier.join();
        }
    }
}

fn plan_file(state_dir: &Path) -> PathBuf {
    services_dir(state_dir).join("plan.json")
}

fn record_file(state_dir: &Path) -> PathBuf {
    services_dir(state_dir).join("supervisor.json")
}

fn log_file(state_dir: &Path) -> PathBuf {
    state_dir.join("services.log")
}
