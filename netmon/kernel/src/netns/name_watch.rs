//! The kernel's word on /run/netns: that names came or went. Which ones, is seen by looking.

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
    /// Watches from now on. None when there is no such folder: then there are no names.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; there is a limit for each user.
    pub fn open() -> io::Result<Option<Self>> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let events = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        match add_watch(&inotify, DIRECTORY, events) {
            Ok(_) => Ok(Some(Self { inotify })),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Forgets what was announced so far.
    pub fn clear(&self) {
        let mut buffer = [0; 4096];
        // Whatever else it says than that there is more, there is nothing more to read.
        while read(&self.inotify, &mut buffer).is_ok_and(|length| length > 0) {}
    }
}

impl AsFd for NameWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
