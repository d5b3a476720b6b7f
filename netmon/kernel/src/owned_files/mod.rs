//! Files and folders that only root may change, whatever the umask is, and however others may prepare the place.
//!
//! netmon decides from what it reads back from them what it may remove. So it opens no link, pipe or device here, waits
//! for none, and [`own::require`] refuses a folder that another user could change meanwhile.

pub mod own;
mod removal;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

pub use self::removal::remove_known;

/// At most this much of a file is read. The state of the largest lab has a few MiB.
const LONGEST: u64 = 256 << 20;
/// For every user to read, and for its owner alone.
const PUBLIC: u32 = 0o644;
const PRIVATE: u32 = 0o600;

/// Creates a directory that every user may list, with the missing ones above it. Succeeds if it exists.
///
/// # Errors
///
/// The kernel's answer.
pub fn make_directory(path: &Path) -> io::Result<()> {
    make(path, 0o755)
}

/// Creates a directory that only its owner may list, with the missing ones above it. Succeeds if it exists.
///
/// # Errors
///
/// The kernel's answer.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    make(path, 0o700)
}

fn make(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make(above, mode)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        // The umask takes bits away and never adds any.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a plain file. Follows no link, and never waits for the other end of a pipe.
///
/// # Errors
///
/// Fails if there is no such file, or it is not a plain file of reasonable size.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a plain file"));
    }
    if about.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "this file is too large"));
    }
    let mut content = Vec::new();
    file.take(LONGEST).read_to_end(&mut content)?;
    Ok(content)
}

/// Reads a plain file as text, as [`read`] does. Bytes that are not UTF-8 are replaced.
///
/// # Errors
///
/// As [`read`].
pub fn read_text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

/// Creates an empty file that only its owner may read. What was there before is removed, not followed.
///
/// # Errors
///
/// The kernel's answer.
pub fn create_private(path: &Path) -> io::Result<File> {
    create(path, PRIVATE)
}

/// Writes a file that every user may read. What was there before is removed, not followed. A file that could be written
/// only in part is removed.
///
/// # Errors
///
/// The kernel's answer, for example if there is no space left.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with(path, content, PUBLIC)
}

/// Replaces a file that every user may read in one step, so that a reader sees the old content or the new one.
///
/// The new content is written beside it first, as `PATH.new`. If anything fails, the old file stays as it is.
///
/// # Errors
///
/// The kernel's answer, for example if there is no space left.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, content, PUBLIC)
}

/// Replaces a file that only its owner may read, as [`replace`] does.
///
/// # Errors
///
/// As [`replace`].
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, content, PRIVATE)
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // O_EXCL follows no link.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

fn write_with(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let written = create(path, mode)?.write_all(content);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

fn replace_with(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    write_with(new, content, mode)?;
    fs::rename(new, path).inspect_err(|_| {
        let _ = fs::remove_file(new);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode};

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        for content in ["a longer content", "short"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_the_new_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        replace(&path, b"x").unwrap_err();
        assert!(path.join("inside").exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (precious, path) = (directory.path().join("precious"), directory.path().join("link"));
        fs::write(&precious, "precious").unwrap();
        for write in [write, replace] {
            let _ = fs::remove_file(&path);
            symlink(&precious, &path).unwrap();
            assert!(read(&path).is_err());
            write(&path, b"ours").unwrap();
            assert_eq!(read(&path).unwrap(), b"ours");
            assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        }
    }

    #[test]
    fn a_pipe_or_a_folder_in_place_of_a_file_is_an_error_and_no_wait() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
        assert_eq!(read(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(read(directory.path()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn modes_are_those_of_the_call_and_parents_are_made_alike() {
        let directory = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let (public, private) = (directory.path().join("a/b"), directory.path().join("c/d"));
        make_directory(&public).unwrap();
        make_directory(&public).unwrap();
        make_private_directory(&private).unwrap();
        assert_eq!((mode(public.parent().unwrap()), mode(&public)), (0o755, 0o755));
        assert_eq!((mode(private.parent().unwrap()), mode(&private)), (0o700, 0o700));
        replace_private(&public.join("x"), b"").unwrap();
        create_private(&public.join("y")).unwrap();
        assert_eq!((mode(&public.join("x")), mode(&public.join("y"))), (0o600, 0o600));
    }
}
