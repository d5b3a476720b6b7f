//! Folders that only root or the caller can change.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::process::geteuid;

/// The write permissions of a folder's group and of all others (inode(7)).
const GROUP: u32 = 0o020;
const OTHERS: u32 = 0o002;

/// Succeeds if only root or the caller can change what is in `folder`, or if there is no such folder.
///
/// It must be the folder itself, not a link to it. The caller checks the folders above, as far as these may be changed.
///
/// # Errors
///
/// Fails with the name of the folder and of its owner.
pub fn require(folder: &Path) -> io::Result<()> {
    let about = match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    match problem(&about, geteuid().as_raw()) {
        None => Ok(()),
        Some(problem) => Err(io::Error::other(format!("{} {problem}", folder.display()))),
    }
}

fn problem(about: &Metadata, caller: u32) -> Option<String> {
    if about.is_symlink() {
        return Some("is a symbolic link, which netmon does not follow".to_owned());
    }
    if !about.is_dir() {
        return Some("is not a folder".to_owned());
    }
    access_problem(about.uid(), about.gid(), about.mode(), caller)
}

fn access_problem(owner: u32, group: u32, mode: u32, caller: u32) -> Option<String> {
    if owner != 0 && owner != caller {
        return Some(format!("belongs to user {owner}, who can change what is in it; it must be root's"));
    }
    if mode & OTHERS != 0 {
        return Some(format!("can be written to by every user (mode {:o})", mode & 0o7777));
    }
    (mode & GROUP != 0 && group != 0).then(|| format!("can be written to by group {group}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_roots_folders_and_the_callers_are_accepted() {
        let problem = |owner, group, mode| access_problem(owner, group, mode, 1000);
        assert_eq!(problem(0, 0, 0o755), None);
        assert_eq!(problem(0, 0, 0o775), None);
        assert_eq!(problem(1000, 1000, 0o700), None);
        assert!(problem(65534, 0, 0o755).unwrap().contains("user 65534"));
        assert!(problem(0, 0, 0o1777).unwrap().contains("every user"));
        assert!(problem(0, 1000, 0o775).unwrap().contains("group 1000"));
    }

    #[test]
    fn a_link_to_a_folder_is_refused_and_a_missing_folder_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink(directory.path(), &link).unwrap();
        assert!(require(&link).unwrap_err().to_string().contains("symbolic link"));
        require(directory.path()).unwrap();
        require(&directory.path().join("missing")).unwrap();
    }
}
