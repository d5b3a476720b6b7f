//! Removal of a folder in which other programs may have put something: known names only, one by one.
//!
//! A mount or a link is never entered, so that nothing outside the folder is reached whatever its name.

use std::{
    ffi::{CStr, OsStr, OsString},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags, StatxFlags, openat, statx, unlinkat},
    io::Errno,
};

/// Removes what `is_known` of `folder`, then the folder itself if nothing else is in it. Succeeds if it does not exist.
///
/// `is_known` gets paths relative to `folder`. What is below an unknown folder is unknown as well. Returns what was kept.
///
/// # Errors
///
/// The kernel's answer, other than that something is in the way.
pub fn remove_known(folder: &Path, is_known: &dyn Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
    let above = match openat(CWD, above, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        other => other?,
    };
    let mut removal = Removal { root: folder, is_known, kept: Vec::new() };
    removal.folder(&above, name, Path::new(""))?;
    Ok(removal.kept)
}

struct Removal<'a> {
    root: &'a Path,
    is_known: &'a dyn Fn(&Path) -> bool,
    kept: Vec<PathBuf>,
}

impl Removal<'_> {
    fn keep(&mut self, path: &Path) {
        let is_root = path.as_os_str().is_empty();
        self.kept.push(if is_root { self.root.to_owned() } else { self.root.join(path) });
    }

    /// Removes a folder that is known.
    fn folder(&mut self, above: &OwnedFd, name: &OsStr, path: &Path) -> io::Result<()> {
        let inside = match open_folder(above, name) {
            Ok(inside) => inside,
            Err(Errno::NOENT) => return Ok(()),
            // A mount, a link, or no folder at all.
            Err(Errno::XDEV | Errno::LOOP | Errno::NOTDIR) => {
                self.keep(path);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let kept = self.kept.len();
        for name in names(&inside)? {
            self.entry(&inside, &name, &path.join(&name))?;
        }
        match unlinkat(above, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::NOTEMPTY | Errno::BUSY) => {
                if self.kept.len() == kept {
                    self.keep(path);
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn entry(&mut self, folder: &OwnedFd, name: &OsStr, path: &Path) -> io::Result<()> {
        if !(self.is_known)(path) {
            self.keep(path);
            return Ok(());
        }
        match unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => self.folder(folder, name, path),
            // Something is mounted on it.
            Err(Errno::BUSY) => {
                self.keep(path);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens a folder in the folder `above`, if it is neither a link nor a mount. Does not touch what is mounted there, which may
/// be a file system whose server is gone.
///
/// openat2(2) would do this in one call, but services of systemd with `RestrictSUIDSGID=` are told that there is none.
fn open_folder(above: impl AsFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let directory = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let there = openat(&above, name, directory | OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    if mount_of(&above)? != mount_of(&there)? {
        return Err(Errno::XDEV);
    }
    openat(&there, c".", directory | OFlags::RDONLY, Mode::empty())
}

/// Returns the number of the mount that a folder is in (Linux 5.8).
fn mount_of(folder: impl AsFd) -> rustix::io::Result<u64> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    Ok(statx(folder, c"", flags, StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// Lists a folder completely before anything is removed from it.
fn names(folder: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if name != c"." && name != c".." {
            names.push(OsStr::from_bytes(name.to_bytes()).to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// `own`, `sub` and `sub/own` are known.
    fn is_known(path: &Path) -> bool {
        [Path::new("own"), Path::new("sub"), Path::new("sub/own")].contains(&path)
    }

    fn folder_with(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("lab");
        fs::create_dir_all(folder.join("sub")).unwrap();
        for file in files {
            fs::write(folder.join(file), "precious").unwrap();
        }
        (above, folder)
    }

    #[test]
    fn a_folder_with_nothing_but_known_names_is_removed() {
        let (above, folder) = folder_with(&["own", "sub/own"]);
        assert_eq!(remove_known(&folder, &is_known).unwrap(), Vec::<PathBuf>::new());
        assert!(!folder.exists() && above.path().exists());
        assert!(remove_known(&folder, &is_known).unwrap().is_empty(), "a second time");
    }

    #[test]
    fn what_is_not_known_is_kept_and_named() {
        let (_above, folder) = folder_with(&["own", "notes", "sub/own", "sub/theirs"]);
        fs::create_dir_all(folder.join("deep/own")).unwrap();
        let mut kept = remove_known(&folder, &is_known).unwrap();
        kept.sort();
        assert_eq!(kept, ["deep", "notes", "sub/theirs"].map(|path| folder.join(path)));
        assert!(!folder.join("own").exists() && !folder.join("sub/own").exists());
        assert!(folder.join("deep/own").exists());
        assert_eq!(fs::read_to_string(folder.join("notes")).unwrap(), "precious");
    }

    #[test]
    fn a_link_is_removed_and_what_it_leads_to_stays() {
        let (above, folder) = folder_with(&[]);
        let elsewhere = above.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("own"), "precious").unwrap();
        fs::remove_dir(folder.join("sub")).unwrap();
        symlink(&elsewhere, folder.join("sub")).unwrap();
        assert!(remove_known(&folder, &is_known).unwrap().is_empty());
        assert_eq!(fs::read_to_string(elsewhere.join("own")).unwrap(), "precious");
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_kept() {
        let (above, folder) = folder_with(&["own"]);
        let link = above.path().join("link");
        symlink(&folder, &link).unwrap();
        assert_eq!(remove_known(&link, &is_known).unwrap(), std::slice::from_ref(&link));
        assert!(folder.join("own").exists());
    }
}
