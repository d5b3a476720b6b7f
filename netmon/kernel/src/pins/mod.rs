//! Where a lab's eBPF maps and links are pinned: a folder of a bpf file system, so that they go on when the agent
//! does not.
//!
//! The folder is called after the lab and the namespace that its agent calls root, `LAB@COOKIE`: labs of one name in
//! two places do not meet. What netmon pins is called `map_..` or `link_..`, in this version and in any other, and the
//! map `NETMON_ABI`, which is the first to come and the last to go, marks the folder as netmon's. Nothing else is
//! ever removed. What the maps mean is [`netmon::datapath`]'s business.

mod error;
pub mod file_system;
mod found;
mod name;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use netmon_model::names::{Direction, EndpointId, LabName};

pub use self::{
    error::PinError,
    found::{Found, found, remove_all_of},
};
use crate::{
    netns::{Cookie, NetNs},
    sys::{
        bpf_info::map_name,
        bpf_pins::{LinkPlace, detach_link, link, pinned},
    },
};

/// Where the folders of all labs are.
pub const DIRECTORY: &str = "/sys/fs/bpf/netmon";
/// The map that says which version of keys and values the others are of. First to be pinned, last to be unpinned.
pub const ABI: &str = "NETMON_ABI";
/// The map that says how the others are set up. Pinned when all others are, so that a folder without it is half made.
pub const SETTINGS: &str = "SETTINGS";

const MAP: &str = "map_";
const LINK: &str = "link_";

/// The folder of one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    root: Cookie,
}

impl Folder {
    /// The folder of a lab whose root is the calling thread's namespace. It need not be there.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell which namespace that is.
    pub fn of(lab: &LabName) -> Result<Self, PinError> {
        let root = NetNs::current().and_then(|root| root.cookie()).map_err(PinError::Root)?;
        Ok(Self { path: Path::new(DIRECTORY).join(name::encode(lab, root)), root })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The namespace that the lab calls root.
    #[must_use]
    pub fn root(&self) -> Cookie {
        self.root
    }

    /// Whether it is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Makes it, unless it is there. The file system must be.
    ///
    /// # Errors
    ///
    /// The kernel's answer.
    pub fn make(&self) -> Result<(), PinError> {
        fs::create_dir_all(&self.path).map_err(|source| PinError::make(&self.path, source))
    }

    /// Where a map is pinned.
    #[must_use]
    pub fn map(&self, name: &str) -> PathBuf {
        self.path.join(format!("{MAP}{name}"))
    }

    /// Where the link of a hook is pinned.
    #[must_use]
    pub fn hook(&self, endpoint: EndpointId, direction: Direction) -> PathBuf {
        self.path.join(format!("{LINK}{endpoint}_{direction}"))
    }

    /// Where the link of the tracepoint of drops is pinned.
    #[must_use]
    pub fn drops(&self) -> PathBuf {
        self.path.join(format!("{LINK}drops"))
    }

    /// Takes all of netmon's programs off that are pinned here, and unpins them and the maps. Nothing being there is no
    /// error. Goes on after one, and returns all of them.
    pub fn remove(&self) -> Vec<PinError> {
        remove(&self.path)
    }
}

fn entries(folder: &Path) -> Result<Vec<String>, PinError> {
    let failed = |source| PinError::failed("list", folder, source);
    let mut names = Vec::new();
    match fs::read_dir(folder) {
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

/// Whether a folder that is there may be taken for netmon's: it has the mark, or nothing at all.
fn is_ours(folder: &Path, entries: &[String]) -> bool {
    let mark = || pinned(&folder.join(format!("{MAP}{ABI}"))).and_then(map_name);
    entries.is_empty() || mark().is_ok_and(|name| name == ABI)
}

fn remove(folder: &Path) -> Vec<PinError> {
    let mut names = match entries(folder) {
        Ok(names) => names,
        Err(error) => return vec![error],
    };
    if !folder.exists() {
        return Vec::new();
    }
    if !is_ours(folder, &names) {
        return vec![PinError::Foreign(folder.to_owned())];
    }
    names.sort_by_key(|name| rank(name));
    let mut errors = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let gone = match rank(&name) {
            Rank::Link => unpin_link(&path),
            Rank::Foreign => Err(PinError::Foreign(path)),
            // While something of ours is left, the folder stays ours.
            Rank::Mark if !errors.is_empty() => continue,
            _ => unlink(&path),
        };
        errors.extend(gone.err());
    }
    if errors.is_empty() {
        errors.extend(remove_folder(folder).err());
        // The last lab takes the folder of all of them along.
        let _ = fs::remove_dir(DIRECTORY);
    }
    errors
}

fn remove_folder(folder: &Path) -> Result<(), PinError> {
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PinError::failed("remove", folder, error))
        }
        _ => Ok(()),
    }
}

/// In which order things go: the settings first, without which nobody goes on with the rest, and the mark last.
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

/// Takes a link's program off its hook, and the link's name away. That it is gone already is no error.
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
    // Unpinned alone, it would be detached some time later.
    if let LinkPlace::Tcx { ifindex: 1.., .. } =
        link(&open).map_err(|error| PinError::failed("ask for", path, error))?.place
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
    fn settings_go_first_and_the_mark_goes_last() {
        let mut names = ["map_NETMON_ABI", "link_3_ingress", "map_COUNTERS", "map_SETTINGS", "theirs"];
        names.sort_by_key(|name| rank(name));
        assert_eq!(names, ["map_SETTINGS", "link_3_ingress", "map_COUNTERS", "theirs", "map_NETMON_ABI"]);
    }
}
