//! Keeps the programs' wall-clock offset current.
//!
//! A program can read only the monotonic clock. It adds an offset from a map to get wall-clock time. The offset changes
//! when the clock is set, which cancels a timer and wakes this thread, and with the small corrections of NTP, so it is
//! also refreshed regularly.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    thread,
    time::Duration,
};

use aya::maps::{Array, MapData};
use log::warn;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
        timerfd_create, timerfd_settime,
    },
};

/// NTP slews by at most 0.5 ms a second, so the offset is never more than 0.05 ms off.
const REFRESH: Duration = Duration::from_millis(100);

/// Keeps the offset current until it is dropped.
pub(super) struct ClockKeeper {
    stop: OwnedFd,
    thread: Option<thread::JoinHandle<()>>,
}

impl ClockKeeper {
    /// Writes the offset once, and starts the thread that keeps it current.
    pub(super) fn start(mut map: Array<MapData, u64>) -> io::Result<Self> {
        set(&mut map)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        let watched = stop.try_clone()?;
        let thread = thread::Builder::new().name("clock".to_owned()).spawn(move || {
            if let Err(error) = keep(&mut map, &watched) {
                warn!("no longer following the wall clock, receive times may be off: {error}");
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for ClockKeeper {
    fn drop(&mut self) {
        // An eventfd takes eight bytes; it cannot be full after one write.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(map: &mut Array<MapData, u64>, stop: &OwnedFd) -> io::Result<()> {
    loop {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // Absolute and far away: it never fires, but is cancelled when the clock is set.
        let far = Timespec { tv_sec: i64::MAX / 4, tv_nsec: 0 };
        let when = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: far };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &when)?;
        // The clock may have been set after the last read and before the timer was armed.
        set(map)?;
        let refresh = Timespec { tv_sec: 0, tv_nsec: i64::from(REFRESH.subsec_nanos()) };
        loop {
            let mut ready =
                [PollFd::from_borrowed_fd(timer.as_fd(), PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
            match poll(&mut ready, Some(&refresh)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => set(map)?,
                Ok(_) if !ready[1].revents().is_empty() => return Ok(()),
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Writes the current offset.
pub(super) fn set(map: &mut Array<MapData, u64>) -> io::Result<()> {
    map.set(0, offset_ns(), 0).map_err(io::Error::other)
}

/// Returns `CLOCK_REALTIME` less `CLOCK_MONOTONIC` in nanoseconds. Reads both a few times and takes the tightest
/// reading, since the thread may lose its CPU in between.
fn offset_ns() -> u64 {
    let look = || {
        let before = nanos(clock_gettime(ClockId::Monotonic));
        let wall = nanos(clock_gettime(ClockId::Realtime));
        let after = nanos(clock_gettime(ClockId::Monotonic));
        // Modulo 2^64, as the programs add it: an unset wall clock is behind the time since boot.
        (after - before, wall.wrapping_sub(before + (after - before) / 2))
    };
    (0..4).map(|_| look()).min().map_or(0, |(_, offset)| offset)
}

fn nanos(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Returns monotonic time in nanoseconds, as `bpf_ktime_get_ns` does.
pub(super) fn monotonic_ns() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}
