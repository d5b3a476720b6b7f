//! dockerd, with what a test asks of it.

use std::time::Duration;

use super::{IMAGE, RuntimeHost, counted::End, ends_of};
use crate::{eventually::eventually, island::Island, running::Running};

const PATIENCE: Duration = Duration::from_secs(60);

/// The file with its number.
const PID: &str = "/run/sandbox/dockerd.own";

/// A daemon. It ends with its host.
#[derive(Debug)]
pub struct Docker<'h> {
    island: &'h Island,
    _daemon: Running,
}

impl<'h> Docker<'h> {
    /// Starts the daemon, and makes an image `box` of busybox, which serves a page.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn start(host: &'h RuntimeHost) -> Self {
        Self::start_within(host, "")
    }

    /// The same, with `enter` before the daemon's command.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn start_within(host: &'h RuntimeHost, enter: &str) -> Self {
        let docker = Self::run_daemon(host, enter);
        docker.run(&format!("import {IMAGE}.tar box"));
        docker
    }

    /// Starts the daemon over what an earlier one left.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn again(host: &'h RuntimeHost) -> Self {
        Self::run_daemon(host, "")
    }

    fn run_daemon(host: &'h RuntimeHost, enter: &str) -> Self {
        let island = host.island();
        let daemon =
            island.start("dockerd", &format!("exec {enter} dockerd --log-level warn --pidfile {PID}"));
        eventually("an answer of dockerd", PATIENCE, || {
            let ready = "docker version > /dev/null 2>&1 && echo yes || true";
            (island.sh(ready).trim() == "yes").then_some(())
        });
        Self { island, _daemon: daemon }
    }

    /// Runs `docker ARGUMENTS`. Returns what it printed, without white space around it.
    pub fn run(&self, arguments: &str) -> String {
        self.island.sh(&format!("docker {arguments}")).trim().to_owned()
    }

    /// Starts a container `name` that serves a page and answers ping.
    pub fn serve(&self, name: &str, options: &str) {
        self.run(&format!("run -d --name {name} {options} box httpd -f -h /"));
    }

    /// The container's address in the default network.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        self.run(&format!("inspect -f '{{{{.NetworkSettings.IPAddress}}}}' {name}"))
    }

    /// The number of its first process in the island.
    #[must_use]
    pub fn pid(&self, name: &str) -> String {
        self.run(&format!("inspect -f '{{{{.State.Pid}}}}' {name}"))
    }

    /// Both ends of the link of the container `name`, whose namespace netmon calls `netns`.
    #[must_use]
    pub fn ends(&self, name: &str, netns: &str) -> [End; 2] {
        let enter = format!("nsenter -t {} -n", self.pid(name));
        ends_of(self.island, &enter, netns)
    }

    /// Ends the daemon, with its containers if it is asked to.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn stop(self) {
        self.island.sh(&format!("kill $(cat {PID})"));
        eventually("the end of dockerd", PATIENCE, || {
            let gone = format!("[ -e {PID} ] || echo yes");
            (self.island.sh(&gone).trim() == "yes").then_some(())
        });
    }
}
