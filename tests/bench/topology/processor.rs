//! Processor time: what a busy machine does not take a share of.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// USER_HZ, in which /proc tells the time of children (`proc_pid_stat(5)`).
const TICKS_PER_SECOND: u64 = 100;

/// Of the calling thread, to the nanosecond (`Documentation/scheduler/sched-stats.rst`).
pub(super) fn of_this_thread() -> Result<Duration> {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = statistics.split(' ').next().and_then(|number| number.parse().ok());
    Ok(Duration::from_nanos(first.context("no time in schedstat")?))
}

/// Of all children that have ended, user and system, to ten milliseconds.
pub(super) fn of_children() -> Result<Duration> {
    const CUTIME_BEHIND_NAME: usize = 13;
    let statistics = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = statistics.rsplit_once(") ").context("no name in /proc/self/stat")?;
    let times = fields.split(' ').skip(CUTIME_BEHIND_NAME).take(2).map(str::parse::<u64>);
    let ticks: u64 = times.collect::<Result<Vec<_>, _>>()?.iter().sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}
