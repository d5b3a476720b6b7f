//! /etc/netns/NAME/resolv.conf, which `ip netns exec` and `netmon exec` show as /etc/resolv.conf.
//!
//! The file survives a reboot and the recorded state does not. So its first line records whose it is and which
//! folders were created for it: the mark, followed by `folder` and `parent` if these were. It is written under a name
//! that contains the mark, and then renamed: an unmarked file of netmon's never exists.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use netmon_kernel::{netns::exec, owned_files};
use netmon_model::names::{LabName, NsName};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::TopologyError;
use crate::ownership::mark::Mark;

/// The folder of files for namespaces (ip-netns(8)).
pub const DIRECTORY: &str = "/etc/netns";

/// An existing /etc/netns/NAME/resolv.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvConf {
    /// The lab's, with these name servers.
    Ours(Vec<IpAddr>),
    /// Unfinished: the process that wrote it was killed before it renamed the file.
    Partial,
    /// Not the lab's.
    Foreign,
    /// In a folder that another user can change, so that nothing in it is netmon's: the reason.
    Refused(String),
}

impl ResolvConf {
    /// Returns whether it is the lab's, finished or not.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_) | Self::Partial)
    }
}

/// Returns the folder of a namespace's files.
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

/// Returns the file of `namespace`, or `None` if there is none.
///
/// # Errors
///
/// Fails if the file exists and cannot be read.
pub fn look_up(namespace: &NsName, mark: &Mark) -> Result<Option<ResolvConf>, TopologyError> {
    let path = path_of(namespace);
    // netmon creates no symbolic links, so a link and what it leads to are foreign.
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
    if is_link(&path) || is_link(&folder_of(namespace)) {
        return Ok(Some(ResolvConf::Foreign));
    }
    if let Err(refused) = exec::require_own(&folder_of(namespace)) {
        return Ok(Some(ResolvConf::Refused(refused.to_string())));
    }
    let text = match owned_files::read_text(&path) {
        Ok(text) => text,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            let is_there = fs::symlink_metadata(new_path_of(namespace, mark)).is_ok();
            return Ok(is_there.then_some(ResolvConf::Partial));
        }
        // A pipe, or anything else that netmon does not make.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => return Ok(Some(ResolvConf::Foreign)),
        Err(e) => return Err(TopologyError::file("read", &path, e)),
    };
    if first_line(&text, mark).is_none() {
        return Ok(Some(ResolvConf::Foreign));
    }
    let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver "));
    Ok(Some(ResolvConf::Ours(servers.filter_map(|server| server.trim().parse().ok()).collect())))
}

/// Returns every namespace with a file that carries the mark, finished or not.
///
/// # Errors
///
/// Fails if /etc/netns exists and cannot be read.
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
        if look_up(&namespace, mark)?.is_some_and(|found| found.is_ours()) {
            ours.push(namespace);
        }
    }
    Ok(ours)
}

/// Returns every file that carries the mark of any lab, finished or not, with the lab.
///
/// # Errors
///
/// Fails if /etc/netns exists and cannot be read.
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
        // `down` looks only into folders that are called as a namespace can be.
        if folder.file_name().to_str().is_none_or(|name| name.parse::<NsName>().is_err()) {
            continue;
        }
        if exec::require_own(&folder.path()).is_err() {
            continue;
        }
        for entry in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            found.extend(owner_of(&entry.path()).map(|lab| (lab, entry.path())));
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the lab that a file in a namespace's folder belongs to, by the mark in its first line, or in the name of an
/// unfinished file.
fn owner_of(path: &Path) -> Option<LabName> {
    let name = path.file_name()?.to_str()?;
    if let Some(mark) = name.strip_prefix(".resolv.conf.") {
        return Mark::lab_in(mark);
    }
    let text = (name == "resolv.conf").then(|| owned_files::read_text(path).ok()).flatten()?;
    Mark::lab_in(text.lines().next()?.strip_prefix("# ")?.split_whitespace().next()?)
}

/// Returns the folders that [`write`] would create for these namespaces, to be recorded before it does.
#[must_use]
pub fn missing_folders<'a>(namespaces: impl Iterator<Item = &'a NsName>) -> Vec<PathBuf> {
    let mut wanted: Vec<PathBuf> = namespaces.map(folder_of).collect();
    if !wanted.is_empty() {
        wanted.push(PathBuf::from(DIRECTORY));
    }
    wanted.retain(|folder| !folder.exists());
    wanted
}

/// Writes the file. `created` are the folders that are created for the lab, from [`missing_folders`].
///
/// # Errors
///
/// Fails if a foreign file is there, or the file cannot be written.
pub fn write<'a>(
    namespace: &NsName,
    servers: &[IpAddr],
    mark: &Mark,
    mut created: impl Iterator<Item = &'a PathBuf> + Clone,
) -> Result<(), TopologyError> {
    let (path, new, folder) = (path_of(namespace), new_path_of(namespace, mark), folder_of(namespace));
    let failed = |e: io::Error| TopologyError::file("write", &path, e);
    let replaces = match look_up(namespace, mark)? {
        Some(ResolvConf::Foreign) => {
            return Err(TopologyError::Conflict(vec![format!(
                "file {} already exists and is not netmon's",
                path.display()
            )]));
        }
        Some(ResolvConf::Refused(reason)) => return Err(TopologyError::Conflict(vec![reason])),
        there => matches!(there, Some(ResolvConf::Ours(_))),
    };
    let mut first = format!("# {mark}");
    if created.clone().any(|created| *created == folder) {
        first.push_str(" folder");
    }
    if created.any(|created| created == Path::new(DIRECTORY)) {
        first.push_str(" parent");
    }
    let lines = servers.iter().map(|server| format!("nameserver {server}\n"));
    let text = format!("{first}\n{}", lines.collect::<String>());
    owned_files::make_directory(&folder).map_err(failed)?;
    owned_files::write(&new, text.as_bytes()).map_err(failed)?;
    let flags = if replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
    renameat_with(CWD, &new, CWD, &path, flags).map_err(|e| {
        // Another program created the file in the meantime, and keeps it.
        let _ = fs::remove_file(&new);
        failed(e.into())
    })
}

/// Removes the lab's file, and the folders that were created for it if they are empty. A foreign file stays, and is no
/// error.
///
/// # Errors
///
/// Fails if the kernel refuses.
pub fn remove(namespace: &NsName, mark: &Mark) -> Result<(), TopologyError> {
    let path = path_of(namespace);
    let failed = |e: io::Error| TopologyError::file("remove", &path, e);
    let gone = |e: io::Error| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(failed(e)) };
    if exec::require_own(&folder_of(namespace)).is_err() {
        return Ok(());
    }
    let new = new_path_of(namespace, mark);
    let partial = owned_files::read_text(&new).unwrap_or_default();
    fs::remove_file(&new).or_else(gone)?;
    let finished = owned_files::read_text(&path).unwrap_or_default();
    let created = match (first_line(&finished, mark), first_line(&partial, mark)) {
        (Some(created), _) => {
            fs::remove_file(&path).or_else(gone)?;
            created
        }
        // The file is foreign or missing, but the unfinished one still knows which folders were created.
        (None, Some(created)) => created,
        (None, None) => return Ok(()),
    };
    if created.contains(&"folder") {
        remove_folder_if_empty(&folder_of(namespace))?;
    }
    if created.contains(&"parent") {
        remove_folder_if_empty(Path::new(DIRECTORY))?;
    }
    Ok(())
}

/// Removes a folder unless something is in it.
///
/// # Errors
///
/// Fails if the kernel refuses for another reason.
pub fn remove_folder_if_empty(folder: &Path) -> Result<(), TopologyError> {
    // The kernel refuses to remove anything on a read-only file system, also what is not there.
    if fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    match fs::remove_dir(folder) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {
            Err(TopologyError::file("remove", folder, e))
        }
        _ => Ok(()),
    }
}

/// Returns the words after the mark in the first line, or `None` if the line does not begin with the mark.
fn first_line<'a>(text: &'a str, mark: &Mark) -> Option<Vec<&'a str>> {
    let mut words = text.lines().next()?.strip_prefix("# ")?.split_whitespace();
    (words.next()? == mark.as_str()).then(|| words.collect())
}
