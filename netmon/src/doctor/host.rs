//! File systems of this host that netmon uses: /run, cgroup v2 and bpffs.

use std::path::Path;

use netmon_kernel::sys::capabilities::{Capability, has};
use rustix::{
    fs::{Access, access, statfs},
    io::Errno,
};

use super::{Finding, Section};
use crate::services::cgroup_hierarchy;

const SECTION: Section = Section::Host;
/// The customary mount point of bpffs.
const BPFFS: &str = "/sys/fs/bpf";

pub(super) fn examine() -> [Finding; 3] {
    [run_directory(), cgroups(), bpffs()]
}

/// A lab's state, its lock and the names of its namespaces are below /run.
fn run_directory() -> Finding {
    match require_writable(Path::new("/run")) {
        Ok(()) => Finding::ok(SECTION, "/run", "writable; holds state, locks and names of namespaces"),
        Err(error) => Finding::missing(
            SECTION,
            "/run",
            format!("not writable: {error}"),
            "run netmon as root, with a writable /run",
        ),
    }
}

/// Succeeds if this process may write to a folder.
fn require_writable(folder: &Path) -> rustix::io::Result<()> {
    match access(folder, Access::WRITE_OK) {
        // access(2) leaves out the capabilities of a user other than root.
        Err(Errno::ACCESS) if has(Capability::DacOverride) => Ok(()),
        other => other,
    }
}

fn cgroups() -> Finding {
    match cgroup_hierarchy() {
        Some(path) if require_writable(&path).is_ok() => {
            Finding::ok(SECTION, "cgroup v2", format!("at {}; each service gets its own", path.display()))
        }
        Some(path) => without_cgroups(&format!("not writable at {}", path.display())),
        None => without_cgroups("not mounted"),
    }
}

fn without_cgroups(found: &str) -> Finding {
    let instead = "services are identified by their mount namespace and start time instead";
    Finding::note(SECTION, "cgroup v2", found, instead)
}

fn bpffs() -> Finding {
    let is_mounted = Path::new(BPFFS).exists()
        && statfs(BPFFS).is_ok_and(|filesystem| filesystem.f_type == libc::BPF_FS_MAGIC);
    if is_mounted {
        return Finding::ok(SECTION, "bpffs", format!("at {BPFFS}; --persist can pin counters there"));
    }
    Finding::note(
        SECTION,
        "bpffs",
        format!("not mounted at {BPFFS}"),
        "nothing to do: netmon mounts it there for --persist",
    )
}
