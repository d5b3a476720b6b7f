//! Services without an agent: a supervisor in a process of its own, which outlives `netmon up`.
//!
//! It is netmon itself with the hidden subcommand `supervise`. It leaves the terminal's session, logs to `services.log` in
//! the lab's state directory, records itself in `services/supervisor.json` and reports on standard output whether all
//! services have started. SIGTERM stops it and its services.

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use netmon_kernel::{
    owned_files::{make_private_directory, read, replace_private},
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
    ServiceSet, StartError, Supervisor,
    bounded_log::{BoundedLog, MAX_BYTES, append_to},
    privileges::keep_capabilities,
    record::services_dir,
    status,
    wait::{left_until, until_exited},
};

/// How long all services together may take to start: some addresses may have to become usable first. The time until they
/// are ready is added.
const START_TIME: Duration = Duration::from_secs(30);
/// How long a supervisor may take to stop its services before it is killed.
const STOP_TIME: Duration = Duration::from_millis(850);
/// Between two checks whether a supervisor of another process has started its services.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// What the supervisor reports when all services have started.
const READY: &str = "ready\n";

/// Why a detached supervisor did not start.
#[derive(Debug, Error)]
pub enum DetachError {
    /// The supervisor reported this reason.
    #[error("{0}")]
    Start(String),
    /// The supervisor exited or hung without a report.
    #[error("the supervisor of the services did not become ready; see {}", .0.display())]
    Silent(PathBuf),
    /// The state directory could not be read or written.
    #[error("cannot access the services' state in {path}")]
    State {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The process could not be started.
    #[error("cannot start {} supervise", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Identifies the detached supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SupervisorRecord {
    identity: ProcessId,
    boot_id: String,
    /// Whether it still waits until all services have started and are ready.
    #[serde(default)]
    starting: bool,
}

/// Starts `program` (netmon itself) as the detached supervisor of the lab's services, and waits until they have started.
/// Returns its process id, or `None` for a lab without services. Blocks.
///
/// # Errors
///
/// Fails if a service cannot be started. No supervisor is left then.
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
        // The log file gets informational messages even if the terminal does not.
        let level = log::max_level().max(log::LevelFilter::Info);
        command.env("NETMON_LOG", level.as_str().to_ascii_lowercase());
    }
    let mut child =
        command.spawn().map_err(|source| DetachError::Spawn { program: program.to_owned(), source })?;
    let time = start_time(lab);
    let report = child.stdout.take().map(|from| read_report(from, time)).unwrap_or_default();
    if report == READY {
        return Ok(Some(child.id()));
    }
    reap(&mut child);
    Err(match report.trim_end() {
        "" => DetachError::Silent(log_file(state_dir)),
        problem => DetachError::Start(problem.to_owned()),
    })
}

fn prepare(services: &ServiceSet, state_dir: &Path) -> io::Result<fs::File> {
    make_private_directory(&services_dir(state_dir))?;
    replace_private(&services_file(state_dir), &serde_json::to_vec_pretty(services)?)?;
    append_to(&log_file(state_dir))
}

/// Returns how long the services may take to start, one after the other.
fn start_time(lab: &Lab) -> Duration {
    START_TIME
        + lab.services.iter().filter_map(|service| service.ready.as_ref()).map(|ready| ready.timeout).sum()
}

/// Reads what the child writes until it closes its end or the time is up.
fn read_report(mut from: ChildStdout, time: Duration) -> String {
    let deadline = Instant::now() + time;
    let mut report = Vec::new();
    let mut buffer = [0; 1024];
    while let Some(left) = left_until(deadline) {
        let _ = poll(&mut [PollFd::from_borrowed_fd(from.as_fd(), PollFlags::IN)], Some(&left));
        match from.read(&mut buffer) {
            Ok(length @ 1..) => report.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            _ => break,
        }
    }
    String::from_utf8_lossy(&report).into_owned()
}

/// Waits for a child that failed, and kills one that hangs.
fn reap(child: &mut Child) {
    if let Some(pidfd) = ProcessId::find(child.id()).and_then(open) {
        let _ = pidfd_send_signal(&pidfd, Signal::TERM);
        until_exited(&[pidfd], Instant::now() + STOP_TIME);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns whether a detached supervisor runs exactly the services of this lab. The lab's state does not show this: it may
/// have been written by a process that was killed before it acted.
#[must_use]
pub fn is_supervised(lab: &Lab, state_dir: &Path) -> bool {
    detached_supervisor(state_dir).is_some() && read_services(state_dir).ok() == Some(lab.into())
}

/// Waits until the detached supervisor of the lab has started all services, as [`spawn_detached`] would. Returns whether
/// it has, or the wait was `cancelled`; if not, it exited or takes too long. Blocks.
#[must_use]
pub fn until_started(lab: &Lab, state_dir: &Path, cancelled: &AtomicBool) -> bool {
    let deadline = Instant::now() + start_time(lab);
    loop {
        match record(state_dir) {
            None => return false,
            Some(record) if !record.starting || cancelled.load(Ordering::Relaxed) => return true,
            Some(record) => {
                let Some(pidfd) = open(record.identity) else { return false };
                let until = deadline.min(Instant::now() + CHECK_INTERVAL);
                if until_exited(&[pidfd], until) || Instant::now() >= deadline {
                    return false;
                }
            }
        }
    }
}

/// Returns the process id of the lab's detached supervisor. `None` if none is running.
#[must_use]
pub fn detached_supervisor(state_dir: &Path) -> Option<u32> {
    running(state_dir).map(|identity| identity.pid)
}

fn running(state_dir: &Path) -> Option<ProcessId> {
    record(state_dir).map(|record| record.identity)
}

/// Returns the record of a supervisor that is running.
fn record(state_dir: &Path) -> Option<SupervisorRecord> {
    let record: SupervisorRecord = serde_json::from_slice(&read(&record_file(state_dir)).ok()?).ok()?;
    let this_boot = boot_id().is_ok_and(|boot_id| boot_id == record.boot_id);
    Some(record).filter(|record| this_boot && record.identity.is_running())
}

/// Stops the detached supervisor and removes its files, unless it is the caller.
pub(crate) fn stop(state_dir: &Path) {
    let supervisor = running(state_dir);
    if supervisor.is_some_and(|identity| identity.pid == std::process::id()) {
        return;
    }
    if let Some(pidfd) = supervisor.and_then(open) {
        let pidfds = [pidfd];
        for (signal, time) in [(Signal::TERM, STOP_TIME), (Signal::KILL, Duration::from_millis(100))] {
            let _ = pidfds.iter().try_for_each(|pidfd| pidfd_send_signal(pidfd, signal));
            if until_exited(&pidfds, Instant::now() + time) {
                break;
            }
        }
    }
    remove_files(state_dir);
}

/// Returns a descriptor of this very process.
fn open(identity: ProcessId) -> Option<OwnedFd> {
    let pidfd = pidfd_open(identity.pid()?, PidfdFlags::empty()).ok()?;
    // Checked after opening: the PID can be reused, but the descriptor stays with its process.
    identity.is_running().then_some(pidfd)
}

/// The body of `netmon supervise`: runs the services that the state directory lists until SIGTERM or SIGINT.
///
/// # Errors
///
/// Fails if the list cannot be read or a service cannot be started. Both have been reported on standard output.
pub fn supervise(lab: &LabName, state_dir: &Path) -> Result<(), DetachError> {
    // Fails if the process leads a session already, for example when it was started from a shell. That is fine, too.
    let _ = setsid();
    let result = begin(state_dir).and_then(|(services, log)| {
        let result = supervise_services(&services, lab, state_dir);
        log.close();
        result
    });
    if let Err(error) = &result {
        report(&chain(error));
    }
    result
}

/// Reads what is to run, and gives up the capabilities that this does not need before there is another thread.
fn begin(state_dir: &Path) -> Result<(ServiceSet, RedirectedLog), DetachError> {
    let state = |path| move |source| DetachError::State { path, source };
    let services = read_services(state_dir).map_err(state(services_dir(state_dir)))?;
    keep_capabilities(&services.services);
    let log = redirect_log(state_dir).map_err(state(log_file(state_dir)))?;
    Ok((services, log))
}

fn supervise_services(services: &ServiceSet, lab: &LabName, state_dir: &Path) -> Result<(), DetachError> {
    let state = |source| DetachError::State { path: services_dir(state_dir), source };
    if services.lab != *lab {
        return Err(DetachError::Start(format!("the services are those of lab {}, not {lab}", services.lab)));
    }
    if let Some(pid) = detached_supervisor(state_dir) {
        return Err(DetachError::Start(StartError::Supervised { pid }.to_string()));
    }
    record_self(state_dir, true).map_err(state)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(state)?;
    let result = runtime.block_on(run(services, state_dir));
    remove_files(state_dir);
    result
}

fn read_services(state_dir: &Path) -> io::Result<ServiceSet> {
    Ok(serde_json::from_slice(&read(&services_file(state_dir))?)?)
}

async fn run(services: &ServiceSet, state_dir: &Path) -> Result<(), DetachError> {
    let state = |source| DetachError::State { path: services_dir(state_dir), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(state)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(state)?;
    let stopped = || DetachError::Start("stopped before all services had started".to_owned());
    let started = tokio::select! {
        started = Supervisor::start_set(services, state_dir) => started,
        _ = terminate.recv() => return Err(stopped()),
        _ = interrupt.recv() => return Err(stopped()),
    };
    let supervisor = started.map_err(|error| DetachError::Start(chain(&error)))?;
    record_self(state_dir, false).map_err(state)?;
    report(READY);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    for left in supervisor.stop().await {
        log::warn!("{left}");
    }
    Ok(())
}

fn record_self(state_dir: &Path, starting: bool) -> io::Result<()> {
    let record = SupervisorRecord { identity: ProcessId::current()?, boot_id: boot_id()?, starting };
    replace_private(&record_file(state_dir), &serde_json::to_vec_pretty(&record)?)
}

/// Removes the files of a supervisor that has exited.
fn remove_files(state_dir: &Path) {
    for file in [record_file(state_dir), services_file(state_dir)] {
        let _ = fs::remove_file(file);
    }
    status::remove(state_dir);
}

/// Reports the outcome to the parent process, then redirects standard output to /dev/null.
///
/// Only the first call has a reader.
fn report(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
    if let Ok(null) = fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// Standard error of this process, which a thread copies from a pipe to a log of bounded size.
struct RedirectedLog {
    copier: std::thread::JoinHandle<()>,
    file: PathBuf,
}

fn redirect_log(state_dir: &Path) -> io::Result<RedirectedLog> {
    let file = log_file(state_dir);
    let mut log = BoundedLog::open(&file, MAX_BYTES)?;
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
        log::logger().flush();
        // The last writer has closed the pipe, so the copier ends.
        if append_to(&self.file).is_ok_and(|file| rustix::stdio::dup2_stderr(&file).is_ok()) {
            let _ = self.copier.join();
        }
    }
}

fn services_file(state_dir: &Path) -> PathBuf {
    services_dir(state_dir).join("services.json")
}

fn record_file(state_dir: &Path) -> PathBuf {
    services_dir(state_dir).join("supervisor.json")
}

/// Returns the file that a detached supervisor logs to, together with what the services print.
#[must_use]
pub fn log_file(state_dir: &Path) -> PathBuf {
    state_dir.join("services.log")
}
