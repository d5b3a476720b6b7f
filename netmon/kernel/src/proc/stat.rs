//! `/proc/PID/stat`, and an identity of a process that survives the reuse of PIDs.
//!
//! The kernel gives a PID to another process once the first one has been reaped. Together with the start time (field
//! 22, clock ticks since boot) it is unique for as long as the boot lasts.

use std::{fs, io};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::Process;

/// Identifies one process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process's number.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

/// What netmon uses of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub id: ProcessId,
    /// The PID of its parent.
    pub parent: u32,
    /// Its state: `R`, `S`, `Z` and so on.
    pub state: char,
}

impl ProcessId {
    /// Returns the calling process.
    ///
    /// # Errors
    ///
    /// Fails if `/proc` is not mounted.
    pub fn current() -> io::Result<Self> {
        Ok(Stat::read(Process::Current)?.id)
    }

    /// Returns the process that has this PID now. `None` if there is none.
    #[must_use]
    pub fn find(pid: u32) -> Option<Self> {
        Some(Stat::read(Process::Pid(pid)).ok()?.id)
    }

    /// Returns whether this very process is still running. Another process with its PID does not count.
    #[must_use]
    pub fn is_running(self) -> bool {
        Stat::read(Process::Pid(self.pid)).is_ok_and(|now| now.id == self && !now.has_exited())
    }

    /// Returns the PID as system calls take it.
    #[must_use]
    pub fn pid(self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }
}

impl Stat {
    /// Reads the line of a process.
    ///
    /// # Errors
    ///
    /// Fails if there is no such process.
    pub fn read(process: Process) -> io::Result<Self> {
        let line = fs::read(process.path("stat"))?;
        Self::parse(&String::from_utf8_lossy(&line)).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Parses a line of `proc_pid_stat(5)`. Returns `None` if it is incomplete.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (pid, _) = line.split_once(" (")?;
        // The second field is chosen by the program. It may contain spaces and parentheses, so the fields are counted
        // from the last closing one.
        let (_, rest) = line.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // `rest` begins with field 3, and two are taken: field 22 is 17 further on.
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self { id: ProcessId { pid: pid.parse().ok()?, start_ticks }, parent, state })
    }

    /// Returns whether the process runs nothing any more: it is a zombie, or about to be one.
    #[must_use]
    pub fn has_exited(self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4711 (a) S 1 (b) S 12 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 998877 5 6 7";

    #[test]
    fn a_program_name_that_looks_like_fields_does_not_shift_them() {
        let stat = Stat::parse(LINE).unwrap();
        assert_eq!(stat.id, ProcessId { pid: 4711, start_ticks: 998_877 });
        assert_eq!((stat.parent, stat.state), (12, 'S'));
        assert!(!stat.has_exited());
    }

    #[test]
    fn a_zombie_has_exited_though_its_pid_is_still_taken() {
        assert!(Stat::parse(&LINE.replace(") S 12", ") Z 12")).unwrap().has_exited());
    }

    #[test]
    fn an_incomplete_line_is_refused() {
        for line in ["", "12", "12 (sh", "12 (sh) S 1 2 3"] {
            assert_eq!(Stat::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_taken_for_the_recorded_one() {
        let own = ProcessId::current().unwrap();
        assert_eq!(own.pid, std::process::id());
        assert!(own.is_running());
        assert!(!ProcessId { start_ticks: own.start_ticks + 1, ..own }.is_running());
        assert!(!ProcessId { start_ticks: 0, ..own }.is_running());
    }
}
