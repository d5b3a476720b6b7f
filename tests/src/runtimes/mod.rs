//! A host with container runtimes, for one test: Docker, podman, containerd with network plugins, LXC, as Debian has them.
//!
//! An island whose /usr is the host's with unpacked packages over it, and whose /var/lib and cgroups are its own. A runtime
//! starts in it, finds everything in its usual place, and ends with the test. Nothing of it is installed or left on the
//! host.

pub mod counted;
mod docker;
mod lxc;
mod podman;
mod pods;
mod rootless;

use std::env;

use serde_json::Value;

pub use self::{counted::End, docker::Docker, lxc::Lxc, podman::Podman, pods::Pods, rootless::Rootless};
use crate::{cgroup::Cgroup, island::Island, skip::skip};

/// The folder of the unpacked packages. `cargo xtask test` sets it.
const RUNTIMES: &str = "NETMON_RUNTIMES";
/// The file system of the containers.
pub const IMAGE: &str = "/run/sandbox/image";
/// The directories of packages that have not merged them with /usr.
const UNMERGED: &str = "bin sbin lib";
/// Programs of busybox in the image.
const APPLETS: &str = "sh ping wget httpd sleep nc true ip";

/// A host with runtimes. Everything in it ends with it.
#[derive(Debug)]
pub struct RuntimeHost {
    island: Island,
    // After the island, whose processes are inside.
    _cgroup: Cgroup,
}

impl RuntimeHost {
    /// Makes one in the sandbox of the calling thread. Reports a skipped test and returns `None` where nothing provides the
    /// runtimes.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    #[must_use]
    pub fn open() -> Option<Self> {
        let Ok(packages) = env::var(RUNTIMES) else {
            skip(&format!("{RUNTIMES} is not set: `cargo xtask test` provides container runtimes"));
            return None;
        };
        let cgroup = Cgroup::create();
        let island = Island::within(&cgroup);
        island.sh(&prepare(&packages));
        Some(Self { island, _cgroup: cgroup })
    }

    /// The island.
    #[must_use]
    pub const fn island(&self) -> &Island {
        &self.island
    }
}

/// What makes an island a host: /usr, /var/lib and /home of its own, and /sys as its namespaces see it.
///
/// The first process leaves the topmost cgroup, which may then have controllers for those below. /home is outside of
/// /run, which rootless podman covers with one of its own.
fn prepare(packages: &str) -> String {
    let over = "/run/sandbox/usr";
    format!(
        "mkdir -p {over}/up {over}/work {IMAGE}/bin
         mount -t overlay packages -o lowerdir={packages}/usr:/usr,upperdir={over}/up,workdir={over}/work /usr
         for folder in {UNMERGED}; do
             if [ -d {packages}/$folder ] && [ ! -L {packages}/$folder ]; then
                 cp -a {packages}/$folder/. /usr/$folder/
             fi
         done
         cp -a {packages}/etc/. /etc/
         for table in iptables ip6tables; do ln -sf xtables-nft-multi /usr/sbin/$table; done
         mount -t tmpfs lib /var/lib; mount -t tmpfs home /home; mount -t sysfs sys /sys
         mount -t cgroup2 cgroup /sys/fs/cgroup; mkdir /sys/fs/cgroup/init
         while read process; do echo $process > /sys/fs/cgroup/init/cgroup.procs || true
         done < /sys/fs/cgroup/cgroup.procs
         cp /usr/bin/busybox {IMAGE}/bin/
         for program in {APPLETS}; do ln -s busybox {IMAGE}/bin/$program; done
         echo hello > {IMAGE}/index.html; tar -C {IMAGE} -c . > {IMAGE}.tar"
    )
}

/// Both ends of a container's link as netmon calls them: the end in root, which has a random name, and the container's eth0.
///
/// `enter` is what is put before a command to run it in the container's namespace, which netmon calls `netns`.
fn ends_of(island: &Island, enter: &str, netns: &str) -> [End; 2] {
    let inside = &json(island, &format!("{enter} ip -j link show eth0"))[0];
    let outside = json(island, "ip -j link show");
    let is_peer = |link: &&Value| link["ifindex"] == inside["link_index"];
    let device = outside.as_array().into_iter().flatten().find(is_peer).expect("the other end is in root");
    let here = End {
        netns: "root".to_owned(),
        interface: format!("{netns}:eth0"),
        enter: String::new(),
        device: device["ifname"].as_str().expect("a name").to_owned(),
    };
    let there = End {
        netns: netns.to_owned(),
        interface: "eth0".to_owned(),
        enter: enter.to_owned(),
        device: "eth0".to_owned(),
    };
    [here, there]
}

fn json(island: &Island, command: &str) -> Value {
    let said = island.sh(command);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{command}: {error}: {said}"))
}
