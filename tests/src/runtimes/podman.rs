//! podman as root: no daemon, a network of netavark.

use super::{IMAGE, RuntimeHost, counted::End, ends_of};
use crate::island::Island;

/// Without systemd's cgroups and journal, which an island has not. The test may have no right to raise limits, and the
/// kernel no controllers for cgroups of version 2.
pub(super) const SETTINGS: &str = "\
[containers]
pids_limit = 0
default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
runtime = \"runc\"
[network]
network_backend = \"netavark\"
";

/// podman, with an image.
#[derive(Debug)]
pub struct Podman<'h> {
    island: &'h Island,
}

impl<'h> Podman<'h> {
    /// Makes an image `box` of busybox.
    #[must_use]
    pub fn prepare(host: &'h RuntimeHost) -> Self {
        let island = host.island();
        island.sh(&format!("cat > /etc/containers/containers.conf <<'END'\n{SETTINGS}END"));
        island.sh(&format!("podman import {IMAGE}.tar box"));
        Self { island }
    }

    /// Runs `podman ARGUMENTS`. Returns what it printed, without white space around it.
    pub fn run(&self, arguments: &str) -> String {
        self.island.sh(&format!("podman {arguments}")).trim().to_owned()
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

    /// Both ends of the link of the container `name`, whose namespace netmon calls `netns`.
    #[must_use]
    pub fn ends(&self, name: &str, netns: &str) -> [End; 2] {
        let pid = self.run(&format!("inspect -f '{{{{.State.Pid}}}}' {name}"));
        ends_of(self.island, &format!("nsenter -t {pid} -n"), netns)
    }
}
