//! /etc/netns/NAME/resolv.conf: what `ip netns exec` and `netmon exec` show as /etc/resolv.conf.
//!
//! The file outlives a reboot and our state does not, so it says itself whose it is and which folders were
//! made for it: its first line is the mark, then `folder` and `parent` where those were. It is written under
//! a name that is a mark, too, and renamed: there is no moment at which an unmarked file of ours exists.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use netmon_kernel::owned_files;
use netmon_model::names::{LabName, NsName};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::TopologyError;
use crate::ownership::mark::Mark;

/// Where files for namespaces live (`ip-netns(8)`).
pub const DIRECTORY: &str = "/etc/netns";

/// What stands at /etc/netns/NAME/resolv.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvConf {
    /// The lab's own, with these name servers.
    Ours(Vec<IpAddr>),
    /// Nothing yet: whoever was writing it was killed, and left the file under its first name.
    Half,
    /// Somebody else's.
    Foreign,
}

/// The folder of a namespace's files.
#[must_use]
pub fn folder_of(namespace: &NsName) -> PathBuf {
    Path::new(DIRECTORY).join(namespace.as_str())
}

fn path_of(namespace: &NsName) -> PathBuf {
    folder_of(namespace).join("resolv.conf")
}

fn new_path_of(namespace: &NsName, mark: &Mark) -> PathBuf {
    folder_of(namespace).join(format!(".resolv.conf.{mark}"))
}

/// What is there for `namespace`; none when nothing is.
///
/// # Errors
///
/// When it is there and cannot be read.
pub fn look_up(namespace: &NsName, mark: &Mark) -> Result<Option<ResolvConf>, TopologyError> {
    let path = path_of(namespace);
    // netmon makes neither: what is behind a link is somebody else's, and so is the link.
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
    if is_link(&path) || is_link(&folder_of(namespace)) {
        return Ok(Some(ResolvConf::Foreign));
    }
    let text = match fs::read(&path) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(new_path_of(namespace, mark).exists().then_some(ResolvConf::Half));
        }
        Err(e) => return Err(TopologyError::file("read", &path, e)),
    };
    if first_line(&text, mark).is_none() {
        return Ok(Some(ResolvConf::Foreign));
    }
    let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver "));
    Ok(Some(ResolvConf::Ours(servers.filter_map(|server| server.trim().parse().ok()).collect())))
}

/// Every namespace with a file, or half a file, that carries the mark.
///
/// # Errors
///
/// When /etc/netns cannot be read; that it is not there is no error.
pub fn list(mark: &Mark) -> Result<Vec<NsName>, TopologyError> {
    let failed = |e| TopologyError::file("list", Path::new(DIRECTORY), e);
    let entries = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut ours = Vec::new();
    for entry in entries {
        let file_name = entry.map_err(failed)?.file_name();
        let Some(namespace) = file_name.to_str().and_then(|name| name.parse::<NsName>().ok()) else {
            continue;
        };
        if matches!(look_up(&namespace, mark)?, Some(ResolvConf::Ours(_) | ResolvConf::Half)) {
            ours.push(namespace);
        }
    }
    Ok(ours)
}

/// Every file, whole or half, that carries the mark of a lab, and whose it is.
///
/// # Errors
///
/// When /etc/netns cannot be read; that it is not there is no error.
pub fn list_all() -> Result<Vec<(LabName, PathBuf)>, TopologyError> {
    let failed = |e| TopologyError::file("list", Path::new(DIRECTORY), e);
    let folders = match fs::read_dir(DIRECTORY) {
        Ok(folders) => folders,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut found = Vec::new();
    for folder in folders {
        let folder = folder.map_err(failed)?;
        // `down` looks only where a namespace could have its files.
        if folder.file_name().to_str().is_none_or(|name| name.parse::<NsName>().is_err()) {
            continue;
        }
        for entry in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            found.extend(owner_of(&entry.path()).map(|lab| (lab, entry.path())));
        }
    }
    found.sort();
    Ok(found)
}

/// The lab that a file in a namespace's folder is of: the mark is in a whole one's first line, and in a half
/// one's name.
fn owner_of(path: &Path) -> Option<LabName> {
    let name = path.file_name()?.to_str()?;
    if let Some(mark) = name.strip_prefix(".resolv.conf.") {
        return Mark::lab_in(mark);
    }
    let text = (name == "resolv.conf").then(|| fs::read(path).ok()).flatten()?;
    let text = String::from_utf8_lossy(&text);
    Mark::lab_in(text.lines().next()?.strip_prefix("# ")?.split_whitespace().next()?)
}

/// Which folders [`write`] would make for these namespaces: to be written down before it does.
#[must_use]
pub fn missing_folders<'a>(namespaces: impl Iterator<Item = &'a NsName>) -> Vec<PathBuf> {
    let mut wanted: Vec<PathBuf> = namespaces.map(folder_of).collect();
    if !wanted.is_empty() {
        wanted.push(PathBuf::from(DIRECTORY));
    }
    wanted.retain(|folder| !folder.exists());
    wanted
}

/// Writes the file. `made` are the folders that the lab makes, as [`missing_folders`] said.
///
/// # Errors
///
/// When a file of somebody else's appeared there, or the kernel refuses.
pub fn write<'a>(
    namespace: &NsName,
    servers: &[IpAddr],
    mark: &Mark,
    mut made: impl Iterator<Item = &'a PathBuf> + Clone,
) -> Result<(), TopologyError> {
    let (path, new, folder) = (path_of(namespace), new_path_of(namespace, mark), folder_of(namespace));
    let failed = |e: io::Error| TopologyError::file("write", &path, e);
    let replaces = match look_up(namespace, mark)? {
        Some(ResolvConf::Foreign) => {
            return Err(TopologyError::Conflict(vec![format!("file {} is not netmon's", path.display())]));
        }
        there => matches!(there, Some(ResolvConf::Ours(_))),
    };
    let mut first = format!("# {mark}");
    if made.clone().any(|made| *made == folder) {
        first.push_str(" folder");
    }
    if made.any(|made| made == Path::new(DIRECTORY)) {
        first.push_str(" parent");
    }
    let lines = servers.iter().map(|server| format!("nameserver {server}\n"));
    let text = format!("{first}\n{}", lines.collect::<String>());
    owned_files::make_folder(&folder).map_err(failed)?;
    owned_files::write(&new, text.as_bytes()).map_err(failed)?;
    let flags = if replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
    renameat_with(CWD, &new, CWD, &path, flags).map_err(|e| {
        // Somebody was faster: their file stays, and ours goes.
        let _ = fs::remove_file(&new);
        failed(e.into())
    })
}

/// Takes the lab's file away, and the folders that were made for it once they are empty.
///
/// # Errors
///
/// When the kernel refuses. What is not the lab's is left, and is no error.
pub fn remove(namespace: &NsName, mark: &Mark) -> Result<(), TopologyError> {
    let path = path_of(namespace);
    let failed = |e: io::Error| TopologyError::file("remove", &path, e);
    let gone = |e: io::Error| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(failed(e)) };
    let new = new_path_of(namespace, mark);
    let half = fs::read_to_string(&new).unwrap_or_default();
    fs::remove_file(&new).or_else(gone)?;
    let whole = fs::read_to_string(&path).unwrap_or_default();
    let made = match (first_line(&whole, mark), first_line(&half, mark)) {
        (Some(made), _) => {
            fs::remove_file(&path).or_else(gone)?;
            made
        }
        // A file of somebody else's, or none: what the half one says of its folders is still true.
        (None, Some(made)) => made,
        (None, None) => return Ok(()),
    };
    if made.contains(&"folder") {
        remove_folder_if_empty(&folder_of(namespace))?;
    }
    if made.contains(&"parent") {
        remove_folder_if_empty(Path::new(DIRECTORY))?;
    }
    Ok(())
}

/// Removes a folder of ours unless something is in it.
///
/// # Errors
///
/// When the kernel refuses for another reason.
pub fn remove_folder_if_empty(folder: &Path) -> Result<(), TopologyError> {
    match fs::remove_dir(folder) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {
            Err(TopologyError::file("remove", folder, e))
        }
        _ => Ok(()),
    }
}

/// The words behind the mark, when the first line is the mark.
fn first_line<'a>(text: &'a str, mark: &Mark) -> Option<Vec<&'a str>> {
    let mut words = text.lines().next()?.strip_prefix("# ")?.split_whitespace();
    (words.next()? == mark.as_str()).then(|| words.collect())
}
