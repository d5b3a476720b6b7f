//! The share of a processor that a process takes, all its threads together, those that have ended too.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::Pid;

/// USER_HZ, in which /proc tells the time of processes (`proc_pid_stat(5)`).
const TICKS_PER_SECOND: f64 = 100.0;
/// Where user and system time are behind the name (`proc_pid_stat(5)`).
const UTIME_BEHIND_NAME: usize = 11;

/// Returns per cent of one processor over the next `seconds`.
pub(crate) fn over(pid: Pid, seconds: u64) -> Result<f64> {
    let (begun, before) = (Instant::now(), ticks(pid)?);
    wait(Duration::from_secs(seconds));
    let (elapsed, after) = (begun.elapsed(), ticks(pid)?);
    Ok(100.0 * (after - before) as f64 / TICKS_PER_SECOND / elapsed.as_secs_f64())
}

fn ticks(pid: Pid) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
    let (_, fields) = stat.rsplit_once(") ").context("no name in /proc/PID/stat")?;
    let times = fields.split(' ').skip(UTIME_BEHIND_NAME).take(2).map(str::parse::<u64>);
    Ok(times.collect::<Result<Vec<_>, _>>()?.iter().sum())
}

/// Lets time pass.
#[expect(clippy::disallowed_methods, reason = "the length of the window is what the share is of")]
pub(super) fn wait(time: Duration) {
    thread::sleep(time);
}
