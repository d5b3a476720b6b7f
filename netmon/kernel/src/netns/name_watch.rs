//! The kernel's announcement that names in /run/netns were added or removed. The caller lists the names to see which.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::inotify::{CreateFlags, WatchFlags, add_watch, init},
    io::{Errno, read},
};

use super::directory::DIRECTORY;

/// A subscription to /run/netns.
#[derive(Debug)]
pub struct NameWatch {
    inotify: OwnedFd,
}

impl NameWatch {
    /// Subscribes from now on. Returns `None` if there is no such directory, and so no names.
    ///
    /// # Errors
    ///
    /// The kernel's answer: there is a limit for each user.
    pub fn open() -> io::Result<Option<Self>> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let events = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        match add_watch(&inotify, DIRECTORY, events) {
            Ok(_) => Ok(Some(Self { inotify })),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Discards the announcements so far.
    pub fn clear(&self) {
        let mut buffer = [0; 4096];
        // Any other answer means that there is nothing more to read.
        while read(&self.inotify, &mut buffer).is_ok_and(|length| length > 0) {}
    }
}

impl AsFd for NameWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
