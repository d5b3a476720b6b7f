//! Waiting for processes to end, by descriptor and never by time alone.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long it is until `deadline`, as poll takes it; none once it has passed.
pub(crate) fn left_until(deadline: Instant) -> Option<Timespec> {
    let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
    Timespec::try_from(left).ok()
}

/// Waits until every process behind these pidfds has ended, or `deadline` has passed, and says which.
pub(crate) fn until_ended(pidfds: &[OwnedFd], deadline: Instant) -> bool {
    pidfds.iter().all(|pidfd| {
        loop {
            if has_ended(pidfd) {
                return true;
            }
            let Some(left) = left_until(deadline) else { return false };
            // An interrupted wait is taken up again; the deadline does not move.
            let _ = poll(&mut [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)], Some(&left));
        }
    })
}

/// Whether the process behind a pidfd has ended: then it is readable (`pidfd_open(2)`).
pub(crate) fn has_ended(pidfd: &OwnedFd) -> bool {
    let now = Timespec::try_from(Duration::ZERO).ok();
    let mut polled = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
    matches!(poll(&mut polled, now.as_ref()), Ok(1..))
}
