//! What is mounted on this host, as far as netmon has a use for it.

use std::path::Path;

use rustix::fs::{Access, access, statfs};

use super::{Finding, Section};
use crate::services::cgroup_hierarchy;

const SECTION: Section = Section::Host;
/// Where bpffs is mounted by custom.
const BPFFS: &str = "/sys/fs/bpf";

pub(super) fn examine() -> [Finding; 3] {
    [run_folder(), cgroups(), bpffs()]
}

/// A lab's state, its lock and the names of its namespaces are there.
fn run_folder() -> Finding {
    match access("/run", Access::WRITE_OK) {
        Ok(()) => Finding::ok(SECTION, "/run", "may be written: state, locks and names of namespaces"),
        Err(error) => Finding::missing(
            SECTION,
            "/run",
            format!("may not be written: {error}"),
            "run netmon as root, with a /run that may be written",
        ),
    }
}

fn cgroups() -> Finding {
    match cgroup_hierarchy() {
        Some(path) if access(&path, Access::WRITE_OK).is_ok() => {
            Finding::ok(SECTION, "cgroup v2", format!("at {}: each service has its own", path.display()))
        }
        Some(path) => without_cgroups(&format!("at {}, but may not be written", path.display())),
        None => without_cgroups("not mounted"),
    }
}

fn without_cgroups(found: &str) -> Finding {
    let instead = "services are known by their mount namespace and start time instead";
    Finding::note(SECTION, "cgroup v2", found, instead)
}

fn bpffs() -> Finding {
    let is_there = Path::new(BPFFS).exists()
        && statfs(BPFFS).is_ok_and(|filesystem| filesystem.f_type == libc::BPF_FS_MAGIC);
    if is_there {
        return Finding::ok(SECTION, "bpffs", format!("at {BPFFS}: counting may persist there"));
    }
    Finding::note(
        SECTION,
        "bpffs",
        format!("not mounted at {BPFFS}"),
        "nothing to do: netmon mounts it there for --persist",
    )
}
