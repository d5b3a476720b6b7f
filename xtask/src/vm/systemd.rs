//! A real systemd in the machine: it takes the place of the first process after the other tests, and its only job is to run
//! the tests of netmon's units.
//!
//! It is the host's own systemd, reduced to the manager and the journal. Units that it finds missing are only wanted.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{initramfs::Tree, kernel::Series, outcome::SENTINEL};
use crate::process;

/// The programs, at the paths that are compiled into systemd.
const PROGRAMS: [&str; 5] = [
    "/lib/systemd/systemd",
    "/lib/systemd/systemd-journald",
    "/lib/systemd/systemd-shutdown",
    "/usr/bin/journalctl",
    "/usr/bin/systemctl",
];
/// The folder of units.
const UNITS: &str = "/lib/systemd/system";
/// What a service with default dependencies needs, and the journal.
const NEEDED: [&str; 12] = [
    "basic.target",
    "multi-user.target",
    "network.target",
    "paths.target",
    "shutdown.target",
    "slices.target",
    "sockets.target",
    "sysinit.target",
    "systemd-journald-dev-log.socket",
    "systemd-journald.service",
    "systemd-journald.socket",
    "timers.target",
];
/// What the machine boots to.
const TARGET: &str = "[Unit]\nRequires=netmon-tests.service systemd-journald.service\nAfter=basic.target\n";
const SERVICE: &str = "[Unit]\nAfter=basic.target systemd-journald.service\n\n[Service]\nType=oneshot\n\
    ExecStart=/bin/busybox sh /netmon/systemd\nTTYPath=/dev/ttyS0\nStandardOutput=tty\nStandardError=tty\n\
    TimeoutStartSec=600\n";
/// The part of the tests' names that selects them.
pub(super) const TESTS: &str = "systemd::";

/// Returns whether the tests of the units run: by default on one kernel, since they do not depend on it.
pub(super) fn are_wanted(series: Series, filters: &[String]) -> bool {
    if filters.is_empty() {
        return series == Series::V6_12;
    }
    filters.iter().any(|filter| filter.contains("systemd"))
}

/// Adds systemd, and the script that its only job runs. The init script sees it and continues as systemd.
pub(super) fn add(tree: &Tree, environment: &str, filters: &str) -> Result<()> {
    for program in PROGRAMS {
        ensure_there(program)?;
        tree.program(Path::new(program), program)?;
    }
    for unit in NEEDED {
        let path = Path::new(UNITS).join(unit);
        tree.copy(&path, &path)?;
    }
    // Of ExecReload=.
    tree.link("busybox", "/bin/kill")?;
    tree.text("/etc/systemd/system/default.target", TARGET)?;
    tree.text("/etc/systemd/system/netmon-tests.service", SERVICE)?;
    tree.text("/etc/machine-id", "00000000000000000000000000006e6d\n")?;
    tree.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")?;
    tree.text("/etc/group", "root:x:0:\n")?;
    let filters = if filters.is_empty() { TESTS } else { filters };
    let script = format!(
        "{environment}\nexport PATH=/usr/bin:/bin HOME=/ NO_COLOR=1\n/netmon/vm --test-threads=1 {filters}\n\
         echo \"{SENTINEL} systemd ended with $?\"\nbusybox poweroff -f\n"
    );
    tree.text("/netmon/systemd", &script)
}

fn ensure_there(program: &str) -> Result<()> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_there = Path::new(program).is_file() || process::find(name).is_some();
    is_there
        .then_some(())
        .with_context(|| format!("there is no {program} on this host; Debian has it in systemd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_are_tested_on_one_kernel_unless_they_are_asked_for() {
        let asked = |filter: &str| are_wanted(Series::V6_1, &[filter.to_owned()]);
        assert!(are_wanted(Series::V6_12, &[]) && !are_wanted(Series::V6_1, &[]));
        assert!(asked("systemd") && asked("systemd::a_unit") && !asked("netem"));
    }
}
