//! Where a lab's eBPF maps and links are pinned: a directory in a bpf file system, so that they outlive the agent.
//!
//! The directory is named `LAB@COOKIE`, after the lab and the root namespace of its agent, so that labs with the same name
//! and different roots have different directories. Pins are named `map_..` or `link_..` in every version of netmon. The
//! map `NETMON_ABI` is pinned first and unpinned last, and marks the directory as netmon's. Nothing else is ever removed.
//! The meaning of the maps is defined in `netmon::datapath`.

mod error;
pub mod file_system;
mod found;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod name;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use netmon_model::names::{Direction, EndpointId, LabName};

pub use self::{
    error::PinError,
    found::{LabPins, list, remove_all},
};
use crate::{
    netns::{Cookie, NetNs},
    owned_files,
    sys::{
        bpf_info::map_name,
        bpf_pins::{LinkPlace, detach_link, link, pinned},
    },
};

/// The parent of the directories of all labs.
pub const DIRECTORY: &str = "/sys/fs/bpf/netmon";
/// The map with the version of the other maps' keys and values. Pinned first and unpinned last.
pub const ABI: &str = "NETMON_ABI";
/// The map with the settings of the others. Pinned after all others: a directory without it is incomplete.
pub const SETTINGS: &str = "SETTINGS";

const MAP: &str = "map_";
const LINK: &str = "link_";

/// The pin directory of one lab.
///
/// # Examples
///
/// ```no_run
/// use netmon_kernel::pins::PinDirectory;
///
/// let pins = PinDirectory::for_lab(&"direct".parse()?)?;
/// if pins.exists() {
///     println!("lab direct is still counted in {}", pins.path().display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinDirectory {
    path: PathBuf,
    root: Cookie,
}

impl PinDirectory {
    /// Returns the directory of a lab whose root is the calling thread's namespace. It need not exist.
    ///
    /// # Errors
    ///
    /// Fails if the cookie of that namespace cannot be read.
    pub fn for_lab(lab: &LabName) -> Result<Self, PinError> {
        let root = NetNs::current().and_then(|root| root.cookie()).map_err(PinError::Root)?;
        Ok(Self { path: Path::new(DIRECTORY).join(name::encode(lab, root)), root })
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the root namespace of the lab.
    #[must_use]
    pub fn root(&self) -> Cookie {
        self.root
    }

    /// Returns whether it exists and can be used: see [`Self::require_usable`].
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists() && self.require_usable().is_ok()
    }

    /// Succeeds if it does not exist, or is netmon's, and only root or the caller can change it.
    ///
    /// # Errors
    ///
    /// Fails with the reason why what is there cannot be used.
    pub fn require_usable(&self) -> Result<(), PinError> {
        require_own(&self.path)?;
        let names = entries(&self.path)?;
        let mark = format!("{MAP}{ABI}");
        if names.is_empty() || names.contains(&mark) {
            Ok(())
        } else {
            Err(PinError::Foreign(self.path.clone()))
        }
    }

    /// Creates it unless it exists. The file system must be mounted.
    ///
    /// # Errors
    ///
    /// The kernel's answer; or if another user has taken the place.
    pub fn make(&self) -> Result<(), PinError> {
        owned_files::make_private_directory(&self.path)
            .map_err(|source| PinError::make(&self.path, source))?;
        require_own(&self.path)
    }

    /// Returns where a map is pinned.
    #[must_use]
    pub fn map(&self, name: &str) -> PathBuf {
        self.path.join(format!("{MAP}{name}"))
    }

    /// Returns where the link of a hook is pinned.
    #[must_use]
    pub fn hook(&self, endpoint: EndpointId, direction: Direction) -> PathBuf {
        self.path.join(format!("{LINK}{endpoint}_{direction}"))
    }

    /// Returns where the link of the tracepoint of drops is pinned.
    #[must_use]
    pub fn drops(&self) -> PathBuf {
        self.path.join(format!("{LINK}drops"))
    }

    /// Detaches netmon's programs that are pinned here, and unpins them and the maps. Succeeds if nothing is pinned.
    /// Continues after an error, and returns all errors.
    pub fn remove(&self) -> Vec<PinError> {
        remove(&self.path)
    }
}

/// Succeeds if only root or the caller can change `directory` and the parent of all of them, or they do not exist.
fn require_own(directory: &Path) -> Result<(), PinError> {
    let folders = [Path::new(DIRECTORY), directory];
    folders
        .into_iter()
        .try_for_each(owned_files::own::require)
        .map_err(|why| PinError::Unsafe(why.to_string()))
}

fn entries(directory: &Path) -> Result<Vec<String>, PinError> {
    let failed = |source| PinError::failed("list", directory, source);
    let mut names = Vec::new();
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(failed(error)),
        Ok(entries) => {
            for entry in entries {
                names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}

/// Returns whether an existing directory is netmon's: it has the mark, or is empty.
fn is_ours(directory: &Path, entries: &[String]) -> bool {
    let mark = || pinned(&directory.join(format!("{MAP}{ABI}"))).and_then(map_name);
    entries.is_empty() || mark().is_ok_and(|name| name == ABI)
}

fn remove(directory: &Path) -> Vec<PinError> {
    let mut names = match entries(directory) {
        Ok(names) => names,
        Err(error) => return vec![error],
    };
    if !directory.exists() {
        return Vec::new();
    }
    if !is_ours(directory, &names) {
        return vec![PinError::Foreign(directory.to_owned())];
    }
    names.sort_by_key(|name| rank(name));
    let mut errors = Vec::new();
    for name in names {
        let path = directory.join(&name);
        let removed = match rank(&name) {
            Rank::Link => unpin_link(&path),
            Rank::Foreign => Err(PinError::Foreign(path)),
            // While something of netmon's is left, the directory keeps its mark.
            Rank::Mark if !errors.is_empty() => continue,
            _ => unlink(&path),
        };
        errors.extend(removed.err());
    }
    if errors.is_empty() {
        errors.extend(remove_directory(directory).err());
        // Succeeds for the last lab only.
        let _ = fs::remove_dir(DIRECTORY);
    }
    errors
}

fn remove_directory(directory: &Path) -> Result<(), PinError> {
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PinError::failed("remove", directory, error))
        }
        _ => Ok(()),
    }
}

/// The order of removal: the settings first, without which no agent resumes from the rest, and the mark last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Settings,
    Link,
    Map,
    Foreign,
    Mark,
}

fn rank(name: &str) -> Rank {
    match name.strip_prefix(MAP) {
        Some(SETTINGS) => Rank::Settings,
        Some(ABI) => Rank::Mark,
        Some(_) => Rank::Map,
        None if name.starts_with(LINK) => Rank::Link,
        None => Rank::Foreign,
    }
}

/// Detaches a link's program from its hook and unpins the link. Succeeds if it is not pinned.
///
/// # Errors
///
/// The kernel's answer.
pub fn unpin_link(path: &Path) -> Result<(), PinError> {
    let open = match pinned(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(PinError::failed("open", path, error)),
        Ok(open) => open,
    };
    // If it were only unpinned, the kernel would detach it some time later.
    if let LinkPlace::Tcx { ifindex: 1.., .. } =
        link(&open).map_err(|error| PinError::failed("inspect", path, error))?.place
    {
        match detach_link(&open) {
            Err(error) if error.raw_os_error() != Some(libc::ENOLINK) => {
                return Err(PinError::failed("detach", path, error));
            }
            _ => {}
        }
    }
    unlink(path)
}

fn unlink(path: &Path) -> Result<(), PinError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PinError::failed("unpin", path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_removed_first_and_the_mark_last() {
        let mut names = ["map_NETMON_ABI", "link_3_ingress", "map_COUNTERS", "map_SETTINGS", "theirs"];
        names.sort_by_key(|name| rank(name));
        assert_eq!(names, ["map_SETTINGS", "link_3_ingress", "map_COUNTERS", "theirs", "map_NETMON_ABI"]);
    }
}
