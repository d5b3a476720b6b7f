//! The container runtimes that tests start: Docker, podman, containerd with network plugins, and LXC.
//!
//! They are unpacked, not installed: an installation would start daemons, create bridges, and change the host's firewall.
//! A test puts the folder over /usr and /etc of a mount namespace of its own (`tests/src/runtimes`), where each program
//! finds its files in their usual places.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::unpacked;
use crate::{process, workspace};

/// Debian's packages: 90 MB to download, 380 MB unpacked.
const PACKAGES: [&str; 11] = [
    "docker.io",
    "iptables",
    "podman",
    "netavark",
    "aardvark-dns",
    "uidmap",
    "slirp4netns",
    "containernetworking-plugins",
    "lxc",
    "crun",
    "busybox-static",
];
/// Programs that must be in the folder. One of an older version of this list lacks some.
const PROGRAMS: [&str; 8] = [
    "usr/sbin/dockerd",
    "usr/bin/containerd",
    "usr/bin/podman",
    "usr/lib/podman/netavark",
    "usr/bin/slirp4netns",
    "usr/lib/cni/bridge",
    "usr/bin/lxc-start",
    "bin/busybox",
];

/// Returns the folder that an earlier run unpacked them into, or else downloads them with apt.
pub(crate) fn provide() -> Result<PathBuf> {
    let folder = workspace::target()?.join("runtimes");
    if missing(&folder).is_none() {
        return Ok(folder);
    }
    ensure!(
        process::find("apt-get").is_some(),
        "the tests of container runtimes need Debian packages, and there is no apt-get"
    );
    eprintln!("xtask: downloading container runtimes into {}: half a minute", folder.display());
    unpacked::remove(&folder)?;
    unpacked::provide(|| unpacked::needed(&PACKAGES), &folder)?;
    match missing(&folder) {
        None => Ok(folder),
        Some(program) => anyhow::bail!("the packages have no {program} ({})", folder.display()),
    }
}

/// Returns the first program that is not in the folder.
fn missing(folder: &std::path::Path) -> Option<&'static str> {
    // /bin may be a link to usr/bin in the packages of a newer Debian.
    let is_there =
        |program: &str| folder.join(program).is_file() || folder.join("usr").join(program).is_file();
    PROGRAMS.into_iter().find(|program| !is_there(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_lacks_a_program_is_not_complete() {
        let folder = std::env::temp_dir().join(format!("netmon-runtimes-{}", std::process::id()));
        for program in PROGRAMS {
            assert_eq!(missing(&folder), Some(program));
            let file = folder.join(if program == "bin/busybox" { "usr/bin/busybox" } else { program });
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(missing(&folder), None);
        unpacked::remove(&folder).unwrap();
    }
}
