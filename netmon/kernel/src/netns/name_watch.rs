//! The kernel's announcements of names in /run/netns that were added or removed.

use std::{
    collections::HashSet,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init},
    io::Errno,
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
        Self::open_in(Path::new(DIRECTORY))
    }

    fn open_in(directory: &Path) -> io::Result<Option<Self>> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let events = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        match add_watch(&inotify, directory, events) {
            Ok(_) => Ok(Some(Self { inotify })),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Returns the names that were added or removed since the last call. Returns `None` if announcements were lost: any name
    /// may have been.
    pub fn changed(&self) -> Option<HashSet<String>> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let (mut names, mut were_lost) = (HashSet::new(), false);
        // Any error means that there is nothing more to read.
        while let Ok(event) = reader.next() {
            were_lost |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            names.extend(event.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
        (!were_lost).then_some(names)
    }
}

impl AsFd for NameWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_that_are_added_renamed_and_removed_are_returned_once() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("old"), "").unwrap();
        let watch = NameWatch::open_in(directory.path()).unwrap().unwrap();
        let changed = || {
            let mut names = Vec::from_iter(watch.changed().unwrap());
            names.sort();
            names
        };
        fs::write(at("new"), "").unwrap();
        fs::rename(at("old"), at("renamed")).unwrap();
        assert_eq!(changed(), ["new", "old", "renamed"]);
        fs::remove_file(at("renamed")).unwrap();
        assert_eq!(changed(), ["renamed"]);
        assert!(changed().is_empty());
    }

    #[test]
    fn a_directory_that_does_not_exist_has_no_names() {
        let directory = tempfile::tempdir().unwrap();
        assert!(NameWatch::open_in(&directory.path().join("none")).unwrap().is_none());
    }
}
