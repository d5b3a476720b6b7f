//! Names of network namespaces: a file in /run/netns with the namespace mounted over it.
//!
//! A name is added in two steps, the file and the mount, and the kernel cannot do both at once. So the file is created
//! with its owner's mark as content ([`place`]). If the process is killed in between, the file is recognised and removed
//! ([`Name::Placeholder`]). The mount hides the content, but [`Placeholders`] can read it: only root can have written it, unlike an
//! alias in a namespace, which everybody may set who has privileges inside.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use netmon_model::names::NsName;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, open, openat},
    io::Errno,
    mount::{OpenTreeFlags, UnmountFlags, mount_bind, open_tree, unmount},
};

use super::{NetNs, NetNsError, NetnsId, directory::DIRECTORY};
use crate::{owned_files, proc::path_of_descriptor};

/// What is in /run/netns under a name.
#[derive(Debug)]
pub enum Name {
    /// A namespace.
    Namespace(NetNs),
    /// A plain file with this text, not mounted yet or no longer.
    Placeholder(String),
    /// A symbolic link, as container tools create it; a namespace of another user namespace; or anything else that is
    /// never netmon's.
    Elsewhere,
}

/// The files below the mounts in /run/netns.
#[derive(Debug)]
pub struct Placeholders {
    /// The directory without the mounts in it. `None` if the kernel does not show it.
    below: Option<OwnedFd>,
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
        Ok(namespace) if namespace.is_own_users() => Ok(Some(Name::Namespace(namespace))),
        Ok(_) => Ok(Some(Name::Elsewhere)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            let text = owned_files::read_text(&path).unwrap_or_default();
            Ok(Some(Name::Placeholder(text)))
        }
        // ENXIO: a socket, or a device that does not exist.
        Err(e) if e.raw_os_error() == Some(libc::ENXIO) => Ok(Some(Name::Elsewhere)),
        Err(e) => Err(e),
    }
}

impl Placeholders {
    /// Opens the directory, which need not exist.
    #[must_use]
    pub fn open() -> Self {
        // Without RECURSIVE, what is mounted in it is left out (Linux 5.2). Refused in a user namespace to which these
        // mounts do not belong.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        Self { below: open_tree(CWD, DIRECTORY, flags).ok() }
    }

    /// Returns the text of the file on which a name's namespace is mounted, as [`place`] wrote it: empty if another
    /// program placed the name. Returns `None` if the kernel does not show it, or there is no such name.
    #[must_use]
    pub fn text(&self, name: &NsName) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(self.below.as_ref()?, name.as_str(), flags, Mode::empty()).ok()?;
        let mut text = String::new();
        File::from(file).take(LONGEST_TEXT).read_to_string(&mut text).ok()?;
        Some(text)
    }
}

/// At most this much of a file below a name is read: a mark is shorter.
const LONGEST_TEXT: u64 = 512;

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
