//! `netmon run` in an island: with `--discover`, or of a lab.

use std::{collections::BTreeSet, fs, time::Duration};

use crate::{
    agent::ADDRESS,
    binary::netmon,
    eventually::{eventually, eventually_equal},
    island::Island,
    running::Running,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// The file with its number.
const PID: &str = "/run/sandbox/agent.netmon";
/// The file with its exit code.
const CODE: &str = "/run/sandbox/agent.code";

/// The agent, running.
#[derive(Debug)]
pub struct HostAgent<'i> {
    island: &'i Island,
    running: Running,
}

/// What an agent holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostHeld {
    /// Resident memory.
    pub memory_kib: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Series of links and namespaces.
    pub series: usize,
}

impl<'i> HostAgent<'i> {
    /// Starts it, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it ends, or is not ready in time.
    #[must_use]
    pub fn start(island: &'i Island, arguments: &str) -> Self {
        Self::run(island, &format!("--discover {arguments}"))
    }

    /// Starts `netmon run ARGUMENTS`, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it ends, or is not ready in time.
    #[must_use]
    pub fn run(island: &'i Island, arguments: &str) -> Self {
        // That of an earlier agent.
        let _ = fs::remove_file(CODE);
        let script = format!(
            "{} run {arguments} & echo $! > {PID}
             wait $! && code=0 || code=$?; echo $code > {CODE}",
            netmon().display()
        );
        let agent = Self { island, running: island.start("agent", &script) };
        eventually("a ready agent", PATIENCE, || {
            assert_eq!(agent.code(), None, "the agent ended: {}", agent.output());
            (agent.fetch("/readyz").0 == "200").then_some(())
        });
        agent
    }

    /// Returns the code and the text of the answer to a request.
    #[must_use]
    pub fn fetch(&self, path: &str) -> (String, String) {
        let script = format!("curl -s -w '\\n%{{http_code}}' http://{ADDRESS}{path} || true");
        let answer = self.island.sh(&script);
        let (text, code) = answer.rsplit_once('\n').unwrap_or(("", &answer));
        (code.to_owned(), text.to_owned())
    }

    /// Returns the JSON of the answer to a request.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn json(&self, path: &str) -> serde_json::Value {
        let (_, text) = self.fetch(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Waits until exactly these links are watched.
    ///
    /// # Panics
    ///
    /// If they never are.
    pub fn until_links(&self, names: &[&str]) {
        let expected: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        eventually_equal("the links", PATIENCE, || (self.links(), expected.clone()));
    }

    /// Returns the names of the links that are watched.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let json: serde_json::Value =
            serde_json::from_str(&self.fetch("/api/v1/links").1).unwrap_or_default();
        let links = json["links"].as_array().cloned().unwrap_or_default();
        links.iter().filter_map(|link| Some(link["name"].as_str()?.to_owned())).collect()
    }

    /// Returns the namespaces that it is in or has open, by what `/proc` calls each: those of its threads, and its descriptors.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        let script = format!(
            "pid=$(cat {PID}); for at in /proc/$pid/task/*/ns/net /proc/$pid/fd/*; do readlink $at || true; done"
        );
        let read = self.island.sh(&script);
        read.lines().filter(|line| line.starts_with("net:")).map(str::to_owned).collect()
    }

    /// Returns what it holds, and how many series it exports.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[must_use]
    pub fn held(&self) -> HostHeld {
        let script = format!(
            "at=/proc/$(cat {PID}); awk '/^VmRSS/ {{print $2}}' $at/status; ls $at/fd | wc -l; ls $at/task | wc -l"
        );
        let read = self.island.sh(&script);
        let numbers: Vec<u64> = read.lines().map(|line| line.trim().parse().expect("a number")).collect();
        let [memory_kib, descriptors, threads] = numbers[..] else { panic!("{read}") };
        let (_, metrics) = self.fetch("/metrics");
        // Those of links and namespaces: what the agent says of itself may come with its first event.
        let series =
            metrics.lines().filter(|line| line.contains("netns=\"") || line.contains("link=\"")).count();
        HostHeld { memory_kib, descriptors, threads, series }
    }

    /// What it printed.
    #[must_use]
    pub fn output(&self) -> String {
        self.running.output()
    }

    /// Returns its exit code. `None` while it runs.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.island.sh(&format!("cat {CODE} 2>/dev/null || true")).trim().parse().ok()
    }

    /// Sends a signal, and waits for the end. Returns the exit code, and what it printed.
    ///
    /// # Panics
    ///
    /// If it does not end.
    #[must_use]
    pub fn end(self, signal: &str) -> (i32, String) {
        self.island.sh(&format!("kill -{signal} $(cat {PID})"));
        let code = eventually("the end of the agent", PATIENCE, || self.code());
        (code, self.output())
    }
}
