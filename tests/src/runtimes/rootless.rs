//! podman as a user without privileges: its containers and their bridge are in user and network namespaces of its own.

use super::{IMAGE, RuntimeHost, podman::SETTINGS};
use crate::{island::Island, unprivileged::UID};

/// What the user's processes start with. /home is outside of /run, which podman covers.
const AS_USER: &str = "export HOME=/home/user XDG_RUNTIME_DIR=/run/user/UID; cd /home/user;
    exec setpriv --reuid UID --regid UID --clear-groups";

/// podman of a user, with an image and a network `inner`.
#[derive(Debug)]
pub struct Rootless<'h> {
    island: &'h Island,
}

impl<'h> Rootless<'h> {
    /// Makes the user, an image `box` of busybox, and the network.
    #[must_use]
    pub fn prepare(host: &'h RuntimeHost) -> Self {
        let rootless = Self { island: host.island() };
        rootless.island.sh(&format!(
            "cat > /etc/containers/containers.conf <<'END'\n{SETTINGS}END
             echo \"$(id -nu {UID}):100000:65536\" | tee /etc/subuid > /etc/subgid
             mkdir -p /run/user/{UID} /home/user; chown {UID}:{UID} /run/user/{UID} /home/user
             mknod -m 666 /run/sandbox/tun c 10 200; mount --bind /run/sandbox/tun /dev/net/tun
             mount --make-rshared /"
        ));
        rootless.run(&format!("import {IMAGE}.tar box"));
        rootless.run("network create inner");
        rootless
    }

    /// Runs `podman ARGUMENTS` as the user. Returns what it printed, without white space around it.
    pub fn run(&self, arguments: &str) -> String {
        let as_user = AS_USER.replace("UID", &UID.to_string());
        self.island.sh(&format!("{as_user} podman {arguments}")).trim().to_owned()
    }

    /// The number of a container's first process in the island.
    #[must_use]
    pub fn pid(&self, name: &str) -> String {
        self.run(&format!("inspect -f '{{{{.State.Pid}}}}' {name}"))
    }
}
