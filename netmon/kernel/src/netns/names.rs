//! Names of network namespaces: a file in /run/netns with the namespace mounted over it.
//!
//! A name is added in two steps, the file and the mount, and the kernel cannot do both at once. So the file is created
//! with its owner's mark as content ([`place`]). If the process is killed in between, the file is recognised and removed
//! ([`Name::Placeholder`]). The mount hides the content.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use netmon_model::names::NsName;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, open},
    io::Errno,
    mount::{UnmountFlags, mount_bind, unmount},
};

use super::{NetNs, NetNsError, NetnsId, directory::DIRECTORY};
use crate::proc::path_of_descriptor;

/// What is in /run/netns under a name.
#[derive(Debug)]
pub enum Name {
    /// A namespace.
    Namespace(NetNs),
    /// A plain file with this text, not mounted yet or no longer.
    Placeholder(String),
    /// A symbolic link, as container tools create it. It is never netmon's, whatever it points to.
    Elsewhere,
}

/// Returns the path of a name.
#[must_use]
pub fn path_of(name: &NsName) -> PathBuf {
    Path::new(DIRECTORY).join(name.as_str())
}

/// Returns every name, sorted. A file whose name is not valid in a lab file is left out.
///
/// # Errors
///
/// Fails if /run/netns exists and cannot be read.
pub fn list() -> Result<Vec<NsName>, NetNsError> {
    let failed = |e| NetNsError::new("list", DIRECTORY, e);
    let entries = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let file_name = entry.map_err(failed)?.file_name();
        names.extend(file_name.to_str().and_then(|name| name.parse::<NsName>().ok()));
    }
    names.sort();
    Ok(names)
}

/// Returns what a name refers to now. `None` if it is free.
///
/// # Errors
///
/// Fails if it exists and cannot be opened.
pub fn look_up(name: &NsName) -> Result<Option<Name>, NetNsError> {
    let path = path_of(name);
    if fs::symlink_metadata(&path).is_ok_and(|there| there.is_symlink()) {
        return Ok(Some(Name::Elsewhere));
    }
    match NetNs::open_file(&path) {
        Ok(namespace) => Ok(Some(Name::Namespace(namespace))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            let text = fs::read_to_string(&path).unwrap_or_default();
            Ok(Some(Name::Placeholder(text)))
        }
        Err(e) => Err(e),
    }
}

/// Returns whether `name` refers to `namespace`. `None` if the name does not exist or cannot be read.
#[must_use]
pub fn refers_to(name: &NsName, namespace: NetnsId) -> Option<bool> {
    Some(NetnsId::of_file(&path_of(name)).ok()? == namespace)
}

/// Gives `namespace` the name `name`. The file below the mount contains `mark`.
///
/// # Errors
///
/// Fails if the name is taken or the kernel refuses a step. Nothing is left behind then.
pub fn place(name: &NsName, namespace: &NetNs, mark: &str) -> Result<(), NetNsError> {
    let path = path_of(name);
    let failed = |e: io::Error| NetNsError::new("create network namespace", name.as_str(), e);
    make_placeholder(&path, mark).map_err(failed)?;
    mount_bind(path_of_descriptor(namespace), &path).map_err(|e| {
        // The mount's error is the one to report. If this fails, too, the placeholder is found by its mark.
        let _ = fs::remove_file(&path);
        failed(e.into())
    })
}

/// Creates the file with its content in one step.
fn make_placeholder(path: &Path, mark: &str) -> io::Result<()> {
    let file = open(DIRECTORY, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR)?;
    rustix::io::write(&file, mark.as_bytes())?;
    Ok(linkat(CWD, path_of_descriptor(&file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Removes a name. Succeeds if there is no such name. The namespace itself stays alive while something refers to it.
///
/// # Errors
///
/// The kernel's answer.
pub fn remove(name: &NsName) -> Result<(), NetNsError> {
    let path = path_of(name);
    let failed = |e: io::Error| NetNsError::new("remove network namespace", name.as_str(), e);
    match unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        // EINVAL: a placeholder without a mount.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
        Err(e) => return Err(failed(e.into())),
    }
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
        _ => Ok(()),
    }
}
