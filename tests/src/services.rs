//! Labs with services only, and the processes that `ip netns pids` finds of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use netmon::services::{ServiceState, ServiceStatus, recorded_status, spawn_detached, stop_recorded};
use netmon_model::lab::{Execution, Lab, Service, ServiceKind};

use crate::{
    binary,
    eventually::eventually,
    labs::{empty, valid},
    sandbox::run,
};

/// The namespace of the services.
pub const NAMESPACE: &str = "svc_netns";

/// Enough for anything whose duration is not tested.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A lab whose services end with the test, even if it panics.
#[derive(Debug)]
pub struct ServiceLab {
    /// The lab. Tests add services to it.
    pub lab: Lab,
    /// Its state folder.
    pub state_dir: PathBuf,
}

impl ServiceLab {
    /// Creates a namespace with lo up, and no service yet. Must be called in a sandbox.
    #[must_use]
    pub fn new(name: &str) -> Self {
        run("ip", &["netns", "add", NAMESPACE]);
        run("ip", &["-n", NAMESPACE, "link", "set", "lo", "up"]);
        Self { lab: empty(name), state_dir: Path::new("/run/netmon").join(name) }
    }

    /// Adds a service that is a command.
    pub fn command(&mut self, name: &str, words: &[&str]) {
        self.service(name, ServiceKind::Command(words.iter().map(|&word| word.to_owned()).collect()));
    }

    /// Says as whom and with what the last command runs.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn execution(&mut self, execution: Execution) {
        self.lab.services.last_mut().expect("a service").execution = execution;
    }

    /// Adds a service that is a built-in web server.
    pub fn http(&mut self, name: &str, address: &str) {
        self.service(name, ServiceKind::Http(valid(address)));
    }

    fn service(&mut self, name: &str, kind: ServiceKind) {
        self.lab.services.push(Service {
            name: name.to_owned(),
            namespace: valid(NAMESPACE),
            kind,
            ready: None,
            execution: Execution::default(),
        });
    }

    /// Starts the services under a detached supervisor. Returns its process id, or the message of the error.
    ///
    /// # Errors
    ///
    /// If a service cannot be started.
    pub fn up(&self) -> Result<u32, String> {
        let up = spawn_detached(&binary::netmon(), &self.lab, &self.state_dir);
        up.map_err(|error| error.to_string())?.ok_or_else(|| "no supervisor".to_owned())
    }

    /// Ends the recorded services. Returns what could not be ended.
    #[must_use]
    pub fn stop(&self) -> Vec<String> {
        stop_recorded(&self.lab.name, &self.state_dir).iter().map(ToString::to_string).collect()
    }

    /// The supervisor's log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.state_dir.join("services.log")).unwrap_or_default()
    }

    /// Waits until the log contains `text`.
    pub fn await_log(&self, text: &str) {
        eventually(&format!("{text:?} in the log"), PATIENCE, || self.log().contains(text).then_some(()));
    }

    /// The status of the first service.
    #[must_use]
    pub fn status(&self) -> Option<ServiceStatus> {
        recorded_status(&self.state_dir).ok()?.into_iter().next()
    }

    /// The main process of the first service, according to its status.
    ///
    /// # Panics
    ///
    /// If the service does not run.
    #[must_use]
    pub fn first_pid(&self) -> u32 {
        match self.status().map(|status| status.state) {
            Some(ServiceState::Running { pid: Some(pid), .. }) => pid,
            state => panic!("the first service does not run: {state:?}"),
        }
    }

    /// The folder of the lab's cgroups.
    #[must_use]
    pub fn cgroup(&self) -> PathBuf {
        Path::new("/sys/fs/cgroup/unified/netmon").join(self.lab.name.as_str())
    }
}

impl Drop for ServiceLab {
    fn drop(&mut self) {
        for left in self.stop() {
            eprintln!("left behind: {left}");
        }
        if std::thread::panicking() {
            eprintln!("the supervisor's log:\n{}", self.log());
        }
    }
}

/// The processes in the namespace, as `ip` finds them.
#[must_use]
pub fn pids_in_namespace() -> Vec<u32> {
    run("ip", &["netns", "pids", NAMESPACE]).lines().filter_map(|pid| pid.trim().parse().ok()).collect()
}

/// A foreign process in the lab's namespace; ends with the test.
#[derive(Debug)]
pub struct ForeignProcess(Child);

impl ForeignProcess {
    /// Starts it, and waits until it is inside.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", NAMESPACE, "sleep", "1000"]).stdin(Stdio::null());
        let foreign = Self(command.spawn().expect("ip netns exec"));
        eventually("the foreign process in the namespace", PATIENCE, || {
            pids_in_namespace().contains(&foreign.pid()).then_some(())
        });
        foreign
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for ForeignProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
