//! Killing a process at a chosen moment, for the tests of interruptions.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// Waits until a process ends, but no longer than `time`. Returns whether it has ended.
///
/// Blocks on the process itself, so that the wait takes no CPU time from the work that is timed.
///
/// # Panics
///
/// If the kernel refuses to watch the process.
pub fn ends_within(pid: Pid, time: Duration) -> bool {
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return true,
        Err(error) => panic!("pidfd_open: {error}"),
    };
    let begun = Instant::now();
    loop {
        let left = Timespec::try_from(time.saturating_sub(begun.elapsed())).expect("a short time");
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)) {
            Ok(ended) => return ended > 0,
            Err(Errno::INTR) => {}
            Err(error) => panic!("poll of a process: {error}"),
        }
    }
}

/// Kills a child after `delay`, unless it ends before. Returns whether the kill ended it.
///
/// # Panics
///
/// If it is not a running child of this process, or was waited for.
pub fn kill_after(child: &mut Child, delay: Duration) -> bool {
    ends_within(Pid::from_child(child), delay);
    child.kill().expect("a child of this test");
    child.wait().expect("a child of this test").code().is_none()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_runs_on_is_killed_and_one_that_has_ended_is_not() {
        let start = |program: &str, argument: &str| Command::new(program).arg(argument).spawn().unwrap();
        assert!(kill_after(&mut start("sleep", "1000"), Duration::from_millis(10)));
        let begun = Instant::now();
        assert!(!kill_after(&mut start("true", ""), Duration::from_secs(60)));
        assert!(begun.elapsed() < Duration::from_secs(30), "the end of the process ends the wait");
    }
}
