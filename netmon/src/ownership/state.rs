//! What a lab is about to have and has, in /run/netmon/LAB/state.json.
//!
//! It is written before anything is made and again when all is there, each time as a whole (a new file,
//! renamed over the old one). The marks on the objects decide what is ours; the state adds what marks cannot
//! say: link-layer addresses of interfaces that were made and not yet marked, folders that were made for a
//! file and are still empty, who holds the lab. It is never needed to find the rest, so a state that is
//! missing or torn costs nothing but a warning.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use netmon_kernel::{netns::Cookie, owned_files};
use netmon_model::{
    lab::{Lab, Service},
    mac::Mac,
    names::{IfIndex, IfName, LabName, LinkName, NsName, Side},
};
use serde::{Deserialize, Serialize};

use super::claim::Holder;
use super::error::OwnershipError;

/// Where all labs of this machine keep their state.
pub const RUN_DIRECTORY: &str = "/run/netmon";
/// The layout below; a state of another version is not read.
const VERSION: u32 = 1;

/// A lab's own folder: state, lock, socket.
#[must_use]
pub fn directory(lab: &LabName) -> PathBuf {
    Path::new(RUN_DIRECTORY).join(lab.as_str())
}

/// Every lab that has a folder, in the order of their names.
#[must_use]
pub fn labs() -> Vec<LabName> {
    let entries = fs::read_dir(RUN_DIRECTORY).into_iter().flatten().flatten();
    // Beside the labs' folders lies a note about /run/netns itself.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut labs: Vec<LabName> =
        folders.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    labs.sort_unstable();
    labs
}

/// A lab as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The lab.
    pub lab: LabName,
    /// The lab file's path, or `built-in`.
    pub source: String,
    /// Which run of the machine this is about: everything else is void after a reboot.
    pub boot_id: String,
    /// Whether all of it was made. If not, some of it may be there.
    pub complete: bool,
    /// The agent that runs the lab, if one does.
    pub agent: Option<Holder>,
    /// The lab's namespaces.
    pub namespaces: Vec<RecordedNamespace>,
    /// The lab's links.
    pub links: Vec<RecordedLink>,
    /// The lab's bridges.
    #[serde(default)]
    pub bridges: Vec<RecordedInterface>,
    /// The namespaces that the lab has a file for under /etc/netns.
    #[serde(default)]
    pub files: BTreeSet<NsName>,
    /// The lab's services, as they were last asked for.
    pub services: Vec<Service>,
    /// Folders under /etc that are made for the lab's files.
    pub folders: BTreeSet<PathBuf>,
}

/// A namespace as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedNamespace {
    /// Its name.
    pub name: NsName,
    /// Its identity, once it was made.
    pub cookie: Option<Cookie>,
}

/// A link as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedLink {
    /// Its name in the lab file.
    pub name: LinkName,
    /// End `a`.
    pub a: RecordedInterface,
    /// End `b`.
    pub b: RecordedInterface,
}

impl RecordedLink {
    /// The end on `side`.
    #[must_use]
    pub fn end(&self, side: Side) -> &RecordedInterface {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}

/// An end of a link, or a bridge, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInterface {
    /// The namespace it is in.
    pub namespace: NsName,
    /// Its name.
    pub interface: IfName,
    /// Its link-layer address, which netmon chose at random: known before the interface is. One that the lab file
    /// gives takes its place once the interface is marked.
    pub mac: Mac,
    /// Its number, once it was made.
    pub ifindex: Option<IfIndex>,
}

impl State {
    /// The state of a lab of which nothing is made yet.
    ///
    /// # Errors
    ///
    /// When the machine does not say which boot this is.
    pub fn new(lab: &Lab) -> Result<Self, OwnershipError> {
        Ok(Self {
            version: VERSION,
            lab: lab.name.clone(),
            source: lab.source.to_string(),
            boot_id: boot_id()?,
            complete: false,
            agent: None,
            namespaces: Vec::new(),
            links: Vec::new(),
            bridges: Vec::new(),
            files: BTreeSet::new(),
            services: lab.services.clone(),
            folders: BTreeSet::new(),
        })
    }

    /// What was written down about `lab` since the machine started. What is torn, of another version or of
    /// another boot counts as nothing.
    #[must_use]
    pub fn load(lab: &LabName) -> Option<Self> {
        let path = path_of(lab);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                log::warn!("cannot read {}: {e}; going by the marks alone", path.display());
                return None;
            }
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(state) if state.version == VERSION && state.lab == *lab => {
                (boot_id().ok()? == state.boot_id).then_some(state)
            }
            Ok(_) => {
                log::warn!("{} is of another lab or version; going by the marks alone", path.display());
                None
            }
            Err(e) => {
                log::warn!("{} is damaged ({e}); going by the marks alone", path.display());
                None
            }
        }
    }

    /// Writes all of it, so that a reader sees the old state or the new one.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn store(&self) -> Result<(), OwnershipError> {
        let path = path_of(&self.lab);
        let new = path.with_extension("json.new");
        let failed = |e: io::Error| OwnershipError::file("write", &path, e);
        let text = serde_json::to_vec(self).map_err(|e| failed(e.into()))?;
        owned_files::make_folder(&directory(&self.lab)).map_err(failed)?;
        owned_files::write(&new, &text).map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)
    }

    /// Every bridge, and every end of every link.
    pub fn interfaces(&self) -> impl Iterator<Item = &RecordedInterface> {
        self.bridges.iter().chain(self.links.iter().flat_map(|link| [&link.a, &link.b]))
    }

    /// Whether netmon chose this link-layer address for the interface of that name there.
    #[must_use]
    pub fn chose(&self, namespace: &NsName, interface: &str, mac: Option<Mac>) -> bool {
        let same = |end: &RecordedInterface| {
            end.namespace == *namespace && end.interface.as_str() == interface && Some(end.mac) == mac
        };
        mac.is_some() && self.interfaces().any(same)
    }
}

/// Where a lab's state is.
pub(crate) fn path_of(lab: &LabName) -> PathBuf {
    directory(lab).join("state.json")
}

fn boot_id() -> Result<String, OwnershipError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = fs::read_to_string(path).map_err(|e| OwnershipError::file("read", path, e))?;
    Ok(text.trim().to_owned())
}
