//! Names of network namespaces: a file in /run/netns with the namespace mounted over it.
//!
//! A name appears in two steps that the kernel cannot make one: the file, then the mount. The file is
//! therefore born with its owner's mark inside ([`place`]), so that what a killed process leaves behind is
//! recognised and taken away ([`Name::Placeholder`]). Once mounted over, its contents are not seen.

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

/// What stands in /run/netns under a name.
#[derive(Debug)]
pub enum Name {
    /// A namespace.
    Namespace(NetNs),
    /// A plain file with this text: not mounted yet, or not any more.
    Placeholder(String),
    /// A symbolic link, as tools for containers make: it is nothing of netmon's, wherever it leads.
    Elsewhere,
}

/// Where a name lives.
#[must_use]
pub fn path_of(name: &NsName) -> PathBuf {
    Path::new(DIRECTORY).join(name.as_str())
}

/// Every name there is, sorted. Files whose names are none of ours to speak of are left out.
///
/// # Errors
///
/// When /run/netns cannot be read; that it is not there is no error.
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

/// What a name stands for now; none when it is not taken.
///
/// # Errors
///
/// When it is there and can be neither opened nor read.
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

/// Whether `name` leads to this namespace; none when it leads nowhere, or nobody can tell.
#[must_use]
pub fn leads_to(name: &NsName, namespace: NetnsId) -> Option<bool> {
    Some(NetnsId::of_file(&path_of(name)).ok()? == namespace)
}

/// Gives `namespace` the name `name`. `mark` goes into the file below the mount.
///
/// # Errors
///
/// When the name is taken, or a step is refused; then nothing is left behind.
pub fn place(name: &NsName, namespace: &NetNs, mark: &str) -> Result<(), NetNsError> {
    let path = path_of(name);
    let failed = |e: io::Error| NetNsError::new("make network namespace", name.as_str(), e);
    make_placeholder(&path, mark).map_err(failed)?;
    mount_bind(path_of_descriptor(namespace), &path).map_err(|e| {
        // The mount's error is the one to report; the placeholder is found by its mark if this fails too.
        let _ = fs::remove_file(&path);
        failed(e.into())
    })
}

/// The file appears with its contents at once, or not at all.
fn make_placeholder(path: &Path, mark: &str) -> io::Result<()> {
    let file = open(DIRECTORY, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR)?;
    rustix::io::write(&file, mark.as_bytes())?;
    Ok(linkat(CWD, path_of_descriptor(&file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Takes a name away. The namespace itself lives on while somebody holds it.
///
/// # Errors
///
/// When the kernel refuses; that the name is gone already is no error.
pub fn remove(name: &NsName) -> Result<(), NetNsError> {
    let path = path_of(name);
    let failed = |e: io::Error| NetNsError::new("remove network namespace", name.as_str(), e);
    match unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        // EINVAL: a placeholder that nothing is mounted on.
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
        Err(e) => return Err(failed(e.into())),
    }
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(e)),
        _ => Ok(()),
    }
}
