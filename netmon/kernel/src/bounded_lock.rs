//! Locks that every user may hold: netmon waits for them for a moment, then continues without them.
//!
//! A process that may open a file may lock it (flock(2)). So netmon never waits for such a lock without a bound.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    time::{Duration, Instant},
};

use netmon_model::text::printable;
use rustix::{
    event::{Timespec, poll},
    fs::{FlockOperation, flock, major, minor},
    io::Errno,
};

use crate::{owned_files, proc};

/// How long a lock is awaited.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Locks `file`, which is at `path`. If another process holds the lock for too long, warns and goes on without it.
/// Returns whether it has the lock.
///
/// # Errors
///
/// The kernel's answer, other than that the lock is held.
pub fn lock(file: &File, path: &Path) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {}
            Err(Errno::WOULDBLOCK) => {
                log::warn!("{}", held_too_long(file, path));
                return Ok(false);
            }
            other => return other.map(|()| true).map_err(Into::into),
        }
        // A signal makes it shorter, which does no harm.
        let _ = poll(&mut [], Some(&PAUSE));
    }
}

fn held_too_long(file: &File, path: &Path) -> String {
    let holder = holder(file).unwrap_or_else(|| "another process".to_owned());
    format!("{holder} has held the lock on {} for {PATIENCE:?}; going on without it", path.display())
}

/// Returns the holder of the lock, for a message.
fn holder(file: &File) -> Option<String> {
    let about = file.metadata().ok()?;
    let text = fs::read_to_string("/proc/locks").ok()?;
    let pid = find_holder(&text, (major(about.dev()), minor(about.dev())), about.ino())?;
    let name = proc::Process::Pid(pid).command().unwrap_or_default();
    let user = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    Some(format!("process {pid} ({}) of user {user}", printable(&name)))
}

/// Finds the process that holds a lock on a file in the text of /proc/locks (proc_locks(5)).
fn find_holder(locks: &str, device: (u32, u32), inode: u64) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{inode}", device.0, device.1);
    // A process that waits has "->" in the second column.
    let holds = |words: &[&str]| words.get(1) == Some(&"FLOCK") && words.get(5) == Some(&file.as_str());
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(4).filter(|_| holds(&words))?.parse().ok()
    })
}

/// A lock among processes of netmon, for what all labs share. The file exists while a process has it, and only root may
/// open it.
#[derive(Debug)]
pub struct HostLock {
    _file: File,
    is_held: bool,
}

impl HostLock {
    const PATH: &str = "/run/netmon/netns-directory.lock";

    /// Returns whether the file of the lock exists: a process has the lock, or was killed while it had it.
    #[must_use]
    pub fn is_left_over() -> bool {
        Path::new(Self::PATH).exists()
    }

    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be created.
    pub fn take() -> io::Result<Self> {
        let path = Path::new(Self::PATH);
        loop {
            if let Some(folder) = path.parent() {
                owned_files::make_directory(folder)?;
            }
            let file =
                match OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path) {
                    // The folder was removed with the last lab.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    other => other?,
                };
            let is_held = lock(&file, path)?;
            // The one before has removed the file that was locked.
            if fs::metadata(path)
                .is_ok_and(|there| file.metadata().is_ok_and(|ours| ours.ino() == there.ino()))
            {
                return Ok(Self { _file: file, is_held });
            }
        }
    }
}

impl Drop for HostLock {
    fn drop(&mut self) {
        if self.is_held {
            let _ = fs::remove_file(Self::PATH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_one_that_has_the_file_and_does_not_wait() {
        let locks = "1: POSIX  ADVISORY  WRITE 5 00:19:56 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 6 00:19:57 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 7 00:19:56 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 8 00:19:56 0 EOF\n";
        assert_eq!(find_holder(locks, (0, 0x19), 56), Some(7));
        assert_eq!(find_holder(locks, (0, 0x19), 58), None);
        assert_eq!(find_holder("3: -> FLOCK ADVISORY WRITE 8 00:19:56 0 EOF", (0, 0x19), 56), None);
    }

    #[test]
    fn a_lock_that_is_held_is_done_without_after_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let [theirs, ours] = [(); 2].map(|()| File::open(directory.path()).unwrap());
        assert!(lock(&theirs, directory.path()).unwrap());
        let before = Instant::now();
        assert!(!lock(&ours, directory.path()).unwrap());
        assert!((PATIENCE..PATIENCE * 3).contains(&before.elapsed()), "{:?}", before.elapsed());
        let said = held_too_long(&ours, directory.path());
        assert!(said.contains(&format!("process {} (", std::process::id())), "{said}");
    }
}
