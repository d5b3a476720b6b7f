//! Sockets that a service manager opened for this process (sd_listen_fds(3)).

#![expect(unsafe_code, reason = "a descriptor that is only known by its number has no owner yet")]

use std::{
    env, fs,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::sockopt::socket_acceptconn,
};

/// The first descriptor that is passed on.
const FIRST: RawFd = 3;
/// At most this many are taken.
const MOST: RawFd = 64;

/// Returns the listening sockets that were passed to this process. Empty from the second call on.
///
/// They are closed when a program is executed. Descriptors that are no listening sockets are left alone.
#[must_use]
pub fn listening_sockets() -> Vec<OwnedFd> {
    static ARE_TAKEN: AtomicBool = AtomicBool::new(false);
    if ARE_TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    let count = passed(|name| env::var(name).ok(), process::id());
    (FIRST..FIRST + count).filter_map(socket).collect()
}

/// Returns how many descriptors were passed to process `pid`.
fn passed(variable: impl Fn(&str) -> Option<String>, pid: u32) -> RawFd {
    let is_meant = variable("LISTEN_PID").is_some_and(|meant| meant == pid.to_string());
    let count = variable("LISTEN_FDS").and_then(|count| count.parse::<RawFd>().ok()).filter(|_| is_meant);
    count.unwrap_or(0).clamp(0, MOST)
}

fn socket(number: RawFd) -> Option<OwnedFd> {
    // Not followed: what a link in there leads to has no file.
    fs::symlink_metadata(format!("/proc/self/fd/{number}")).ok()?;
    // SAFETY: the descriptor is open, and no other part of the process closes it meanwhile, since none knows of it.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    let is_listening = socket_acceptconn(borrowed).unwrap_or(false);
    if !is_listening || fcntl_setfd(borrowed, FdFlags::CLOEXEC).is_err() {
        return None;
    }
    // SAFETY: the variables say that this descriptor was opened for this process, and it is the number of an open socket.
    // It has no other owner: it was open when the process started, and each is taken once.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_for_the_process_that_is_named() {
        let count = |pid: &str, fds: &str| {
            passed(|name| Some(if name == "LISTEN_PID" { pid } else { fds }.to_owned()), 7)
        };
        assert_eq!(count("7", "2"), 2);
        assert_eq!(count("8", "2"), 0);
        assert_eq!((count("7", "-1"), count("7", "x"), count("7", "999999")), (0, 0, MOST));
        assert_eq!(passed(|_| None, 7), 0);
    }
}
