//! Processes as `/proc` tells them, and an identity that survives the reuse of pids.
//!
//! A pid alone names nobody: the kernel hands it out again. Together with the start time (`/proc/PID/stat`,
//! field 22, clock ticks since boot) it does, for as long as the boot lasts.

use std::{fs, io};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// The process's number.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot.
    pub(crate) start_ticks: u64,
}

/// What is needed of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) identity: ProcessId,
    pub(crate) parent: u32,
    /// A zombie, or on its way out: it runs nothing any more.
    pub(crate) ended: bool,
}

impl ProcessId {
    /// The process that calls.
    pub(crate) fn own() -> io::Result<Self> {
        let line = fs::read_to_string("/proc/self/stat")?;
        Ok(Stat::parse(&line).ok_or(io::ErrorKind::InvalidData)?.identity)
    }

    /// The process that has this pid now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Stat::of(pid)?.identity)
    }

    /// Whether this very process still runs. Another one under its pid is not it.
    pub(crate) fn runs(self) -> bool {
        Stat::of(self.pid).is_some_and(|now| now.identity == self && !now.ended)
    }

    /// The pid as system calls take it.
    pub(crate) fn pid(self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }
}

impl Stat {
    /// The process that has this pid now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
    }

    /// Reads a line of `proc_pid_stat(5)`. The second field is the program's own choice and may contain
    /// spaces and parentheses, so the fields are counted from the last closing one.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (pid, _) = line.split_once(" (")?;
        let (_, rest) = line.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let ended = matches!(fields.next()?, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        // `rest` begins with field 3; two are taken, so field 22 is 17 further on.
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self { identity: ProcessId { pid: pid.parse().ok()?, start_ticks }, parent, ended })
    }
}

/// All pids of now. A process that ends meanwhile may or may not be among them.
pub(crate) fn all_pids() -> io::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// An identifier of this boot: start times of another one mean nothing.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// A name that nobody has used before.
pub(crate) fn unique_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4711 (a) S 1 (b) S 12 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 998877 5 6 7";

    #[test]
    fn a_program_name_that_looks_like_fields_does_not_shift_them() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!(stat.identity, ProcessId { pid: 4711, start_ticks: 998_877 });
        assert_eq!(stat.parent, 12);
        assert!(!stat.ended);
    }

    #[test]
    fn a_zombie_has_ended_though_its_pid_is_still_taken() {
        assert!(Stat::parse(&LINE.replace(") S 12", ") Z 12")).unwrap().ended);
    }

    #[test]
    fn a_cut_line_is_nobody() {
        for line in ["", "12", "12 (sh", "12 (sh) S 1 2 3"] {
            assert_eq!(Stat::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn another_process_under_the_same_pid_is_not_taken_for_the_recorded_one() {
        let own = ProcessId::own().unwrap();
        assert_eq!(own.pid, std::process::id());
        assert!(own.runs());
        assert!(!ProcessId { start_ticks: own.start_ticks + 1, ..own }.runs());
        assert!(!ProcessId { start_ticks: 0, ..own }.runs());
    }
}
