//! A running `netmon run` in the sandbox of the test, and its metrics.

use std::{
    ffi::OsStr,
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    binary::netmon,
    commands::{TakenDown, succeeds},
    eventually::eventually,
    frugal::FRUGAL,
    sandbox::run,
};

/// Enough for a busy machine, and for an emulated one.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where an agent listens. Every sandbox has its own loopback.
pub const ADDRESS: &str = "127.0.0.1:9477";

/// An agent; killed when it is dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    /// From the start of the process until all hooks were attached.
    pub until_ready: Duration,
}

impl Agent {
    /// Starts `netmon run ARGUMENTS` and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it ends, or is not ready in time.
    pub fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_at(ADDRESS, arguments)
    }

    /// As [`Self::start`], for an agent that listens on another address: the second one in a sandbox.
    ///
    /// # Panics
    ///
    /// If it ends, or is not ready in time.
    pub fn start_at<S: AsRef<OsStr>>(address: &str, arguments: impl IntoIterator<Item = S>) -> Self {
        Self { child: spawn(arguments, Stdio::null()), until_ready: Duration::ZERO }.ready(address)
    }

    /// As [`Self::start`], with an allocator that returns free memory to the kernel.
    ///
    /// # Panics
    ///
    /// If it ends, or is not ready in time.
    pub fn start_frugal<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let child = command(arguments, Stdio::null()).envs(FRUGAL).spawn().expect("netmon starts");
        Self { child, until_ready: Duration::ZERO }.ready(ADDRESS)
    }

    fn ready(mut self, address: &str) -> Self {
        let begun = Instant::now();
        eventually("a ready agent", PATIENCE, || {
            assert!(self.child.try_wait().is_ok_and(|ended| ended.is_none()), "the agent ended");
            (fetch_code(address, "/readyz") == "200").then_some(())
        });
        self.until_ready = begun.elapsed();
        self
    }

    /// Starts `netmon run ARGUMENTS` with its log in a file, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it ends, or is not ready in time.
    pub fn start_with_log(log: &Path, arguments: &[&str]) -> Self {
        let log = File::create(log).expect("a file for the log");
        let mut command = Command::new(netmon());
        command.arg("run").args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self { child: command.spawn().expect("netmon starts"), until_ready: Duration::ZERO }.ready(ADDRESS)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal. Returns how the agent ended, and how long that took.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn end(mut self, signal: Signal) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        kill_process(self.pid(), signal).expect("a signal to our own child");
        (self.wait(), begun.elapsed())
    }

    /// Waits until it ends, and returns how it ended.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the end of the agent", PATIENCE, || self.child.try_wait().expect("our own child"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already. What it leaves is removed with the sandbox.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built-in lab as `netmon up` makes it, with its services; taken down when it is dropped.
#[derive(Debug)]
pub struct Up {
    _taken_down: TakenDown,
}

impl Up {
    /// Brings it up.
    ///
    /// # Panics
    ///
    /// If that fails.
    #[must_use]
    pub fn direct() -> Self {
        let up = Self { _taken_down: TakenDown::direct() };
        succeeds(&["up"]);
        up
    }
}

/// Starts `netmon run ARGUMENTS` without waiting for anything.
///
/// # Panics
///
/// If it cannot be started.
pub fn spawn<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, output: Stdio) -> Child {
    command(arguments, output).spawn().expect("netmon starts")
}

fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, output: Stdio) -> Command {
    let mut command = Command::new(netmon());
    command.arg("run").args(arguments).stdin(Stdio::null()).stdout(output);
    command
}

fn fetch_code(address: &str, path: &str) -> String {
    let url = format!("http://{address}{path}");
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", &url])
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    String::from_utf8_lossy(&output).into_owned()
}

/// Scrapes `/metrics` of the agent in this sandbox.
#[must_use]
pub fn scrape() -> Metrics {
    scrape_from(ADDRESS)
}

/// Scrapes the agent at `address`.
#[must_use]
pub fn scrape_from(address: &str) -> Metrics {
    Metrics::parse(&run("curl", &["-sf", "--max-time", "10", &format!("http://{address}/metrics")]))
}

/// One line of the text format.
#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// The samples of one scrape.
#[derive(Clone, Debug)]
pub struct Metrics(Vec<Sample>);

impl Metrics {
    fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// The sum of all samples of `name` that have all of `labels`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// How many samples of `name` have all of `labels`.
    #[must_use]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.matching(name, labels).count()
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| {
            let has = |(key, value): &(&str, &str)| sample.labels.iter().any(|(k, v)| k == key && v == value);
            sample.name == name && labels.iter().all(has)
        })
    }
}

/// One line: `name{key="value",...} number`.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels
        .trim_end_matches('}')
        .trim_end_matches('"')
        .split("\",")
        .filter_map(|pair| pair.split_once("=\""))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}
