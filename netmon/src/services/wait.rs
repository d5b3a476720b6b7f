//! Waits for processes to exit, by descriptor and never by time alone.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Returns the time until `deadline`, as poll(2) takes it. `None` if it has passed.
pub(crate) fn left_until(deadline: Instant) -> Option<Timespec> {
    let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
    Timespec::try_from(left).ok()
}

/// Waits until every process of these descriptors has exited. Returns false if `deadline` passed before.
pub(crate) fn until_exited(pidfds: &[OwnedFd], deadline: Instant) -> bool {
    pidfds.iter().all(|pidfd| {
        loop {
            if has_exited(pidfd) {
                return true;
            }
            let Some(left) = left_until(deadline) else { return false };
            // An interrupted wait is resumed; the deadline does not move.
            let _ = poll(&mut [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)], Some(&left));
        }
    })
}

/// Returns whether the process of a descriptor has exited: the descriptor is readable then (`pidfd_open(2)`).
pub(crate) fn has_exited(pidfd: &OwnedFd) -> bool {
    let now = Timespec::try_from(Duration::ZERO).ok();
    let mut polled = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
    matches!(poll(&mut polled, now.as_ref()), Ok(1..))
}
